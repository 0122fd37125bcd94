"""What an API server and its controllers make in each new cluster, put into etcd beforehand.

These are roles, priorities, API services and accounts, two hundred objects, the same in every
cluster of a version. Made one after the other they take a second or two, for which the controllers
wait, and a tenth of the processor time of a cluster's start (measured). The first cluster of a
version writes them down in the user's cache, and each further one begins with them, under UIDs and
times of its own. An API server looks after its own objects at each start, so that one which is
missing, or another version's, is made or mended as ever.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import ssl
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from foundation import files
from localkube.api import FAILURES, Api, wait_for
from localkube.control_plane import ETCD_HTTP_PORT
from localkube.spec import ClusterSpec
from toolchain import patience, tools

_COLLECTIONS = {
    "apis/rbac.authorization.k8s.io/v1/clusterroles": "clusterroles",
    "apis/rbac.authorization.k8s.io/v1/clusterrolebindings": "clusterrolebindings",
    "apis/rbac.authorization.k8s.io/v1/roles": "roles",
    "apis/rbac.authorization.k8s.io/v1/rolebindings": "rolebindings",
    "apis/flowcontrol.apiserver.k8s.io/v1/flowschemas": "flowschemas",
    "apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations": (
        "prioritylevelconfigurations"
    ),
    "apis/scheduling.k8s.io/v1/priorityclasses": "priorityclasses",
    "apis/apiregistration.k8s.io/v1/apiservices": "apiregistration.k8s.io/apiservices",
    "api/v1/namespaces/kube-system/serviceaccounts": "serviceaccounts",
}
"""Collections that hold such objects, and where etcd has them below `/registry`.

Namespaces stay out: many tools know a cluster by the UID of its kube-system.
"""

_MAKERS = (
    "kube-apiserver",
    "api-priority-and-fairness-config-producer-v1",
    "api-priority-and-fairness-config-consumer-v1",
    "clusterrole-aggregation-controller",
)
"""Field managers of what a cluster makes by itself. Of accounts none is noted."""

_PER_TRANSACTION = 100
"""Of etcd's limit of 128 operations in one transaction (`--max-txn-ops`)."""

_TIMES = ("creationTimestamp", "time", "lastTransitionTime")

_UNUSED_SECONDS = 30 * 24 * 3600

_ETCD_SECONDS = 20
"""How long etcd may take to answer. Without it the API server makes all of it, as ever."""

_SETTLED_SECONDS = 120
"""How long a first cluster's controllers may take. Else a later cluster writes the objects down."""


def known() -> Path:
    """Return the file of the objects of these versions of the tools; it may not be there."""
    return tools.cache_dir() / "bootstrap-objects" / f"{tools.bin_dir().name}.json"


def write(spec: ClusterSpec) -> bool:
    """Put the objects that are known into a cluster's etcd; return whether nothing was in it yet.

    Whatever fails leaves the work to the API server.
    """
    etcd, is_new = _Etcd(spec), False
    with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
        limit = patience.scaled(_ETCD_SECONDS)
        is_new = wait_for(etcd.answers, limit, interval=0.05) and etcd.is_empty()
        if is_new:
            objects = json.loads(known().read_text())
            os.utime(known())
            pairs = list(stored(objects, datetime.now(UTC)))
            for begin in range(0, len(pairs), _PER_TRANSACTION):
                etcd.call("txn", transaction(pairs[begin : begin + _PER_TRANSACTION]))
    return is_new


def record(api: Api, others: Set[str]) -> None:
    """Write down what a new cluster has made once its controllers work, if nobody has done so.

    In one that has run before, accounts may be anybody's. `others`: names of what is not its own.
    """
    with contextlib.suppress(*FAILURES):  # then the next cluster does it
        file, limit = known(), patience.scaled(_SETTLED_SECONDS)
        if file.exists() or not wait_for(lambda: _has_controllers(api), limit):
            return
        found = dict[str, list[dict[str, Any]]]()
        for path, prefix in _COLLECTIONS.items():
            answer = api.call("GET", f"/{path}")
            kind = {"apiVersion": answer["apiVersion"], "kind": answer["kind"].removesuffix("List")}
            own = [item for item in answer["items"] if is_own(item, others)]
            found[prefix] = [kind | item for item in own]
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.replace(file, json.dumps(found))
        for old in file.parent.glob("*.json"):
            if time.time() - old.stat().st_mtime > _UNUSED_SECONDS:
                old.unlink(missing_ok=True)


def is_own(item: Mapping[str, Any], others: Set[str] = frozenset()) -> bool:
    """Check whether a cluster has made an object, and nobody has changed it since. Pure.

    `others`: names of objects that somebody else has made. An account called `default` follows from
    its namespace, and an object with an owner would be collected as garbage where its owner has
    another UID.
    """
    metadata = item["metadata"]
    managers = {entry.get("manager") for entry in metadata.get("managedFields", ())}
    is_default = metadata["name"] == "default" and "namespace" in metadata
    if metadata["name"] in others or is_default or metadata.get("ownerReferences"):
        return False
    return managers <= set(_MAKERS)


def stored(
    objects: Mapping[str, Iterable[Mapping[str, Any]]], now: datetime
) -> Iterator[tuple[str, str]]:
    """Yield the key in etcd and the JSON of each object, as new in another cluster. Pure but UIDs.

    An API server reads what is stored as JSON as well as its own form (`--storage-media-type`).
    """
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    for prefix, items in objects.items():
        for item in items:
            metadata = {k: v for k, v in item["metadata"].items() if k != "resourceVersion"}
            place = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
            anew = {**item, "metadata": {**metadata, "uid": str(uuid4())}}
            yield f"/registry/{prefix}/{place}", json.dumps(_at(anew, at))


def transaction(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return what writes pairs of key and value into etcd, if it has none of them. Pure."""
    keys, values = zip(*((_base64(key), _base64(value)) for key, value in pairs), strict=True)
    return {
        "compare": [{"target": "CREATE", "key": key, "create_revision": "0"} for key in keys],
        "success": [
            {"requestPut": {"key": key, "value": value}}
            for key, value in zip(keys, values, strict=True)
        ],
    }


def _at(value: Any, now: str) -> Any:
    """Return a part of an object with each time in it set to `now`."""
    if isinstance(value, dict):
        return {k: now if k in _TIMES and v else _at(v, now) for k, v in value.items()}
    return [_at(each, now) for each in value] if isinstance(value, list) else value


def _has_controllers(api: Api) -> bool:
    """Check whether the controllers of a cluster have begun: then each has its account."""
    path = "/apis/apps/v1/namespaces/kube-system/deployments/coredns"
    return bool(api.call("GET", path).get("status", {}).get("observedGeneration"))


class _Etcd:
    """The etcd of a cluster, by the JSON of its gRPC gateway; asked in its node."""

    def __init__(self, spec: ClusterSpec) -> None:
        context = ssl.create_default_context(cafile=str(spec.pki / "etcd" / "ca.crt"))
        pair = spec.pki / "apiserver-etcd-client"
        context.load_cert_chain(f"{pair}.crt", f"{pair}.key")
        self._connection = http.client.HTTPSConnection(
            "127.0.0.1", ETCD_HTTP_PORT, timeout=_ETCD_SECONDS, context=context
        )

    def call(self, what: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a request. Raises OSError, HTTPException and ValueError."""
        self._connection.request("POST", f"/v3/kv/{what}", json.dumps(body))
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise OSError(f"etcd: {answer.status} {text[:200]!r}")
        return dict(json.loads(text))

    def answers(self) -> bool:
        """Check whether it answers. Raises OSError, HTTPException and ValueError."""
        try:
            self.is_empty()
        except (OSError, http.client.HTTPException):
            self._connection.close()  # the next call opens it again
            raise
        return True

    def is_empty(self) -> bool:
        """Check whether no cluster has begun in it. Raises OSError, HTTPException, ValueError."""
        where = {"key": _base64("/registry/"), "range_end": _base64("/registry0")}
        return not self.call("range", {**where, "limit": "1"}).get("kvs")


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()
