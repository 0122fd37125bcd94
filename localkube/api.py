"""A small client of the Kubernetes API, for the few calls that the embedded clusters need.

The official Python client takes longer to import than a cluster takes to answer.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator, Set
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from foundation import quick_yaml
from localkube import LocalKubeError
from toolchain import patience

PLURALS = {
    "Namespace": "namespaces",
    "ServiceAccount": "serviceaccounts",
    "ConfigMap": "configmaps",
    "Service": "services",
    "Deployment": "deployments",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "StorageClass": "storageclasses",
}
"""The kinds that `Api.apply` knows."""

CLUSTER_WIDE = ("Namespace", "ClusterRole", "ClusterRoleBinding", "StorageClass")

LOOK_SECONDS = 5.0
"""How often a long wait looks for progress: a look takes a tenth of a second of a processor."""

_SCHEMA = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
"""The form in which clients in Go ask for the schema."""

UNREADY = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
"""Taints that follow from a node's conditions; that of `kubectl cordon` is not among them."""


class ApiError(LocalKubeError):
    """An answer other than success; `status` is the HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


FAILURES = (OSError, http.client.HTTPException, ApiError)
"""What a call raises when the API server is away, breaks off or refuses."""


class Api:
    """One API server, with the rights of one kubeconfig."""

    def __init__(self, kubeconfig: str, timeout: float = 10.0) -> None:
        """`kubeconfig`: its text, certificates inside.

        `timeout`: seconds for each answer on a common machine, and for a watch on any.
        """
        config = quick_yaml.load(kubeconfig)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server = urlsplit(cluster["server"])
        self.timeout = timeout
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.context = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile() as pair:  # mode 0600; ssl reads files only
            for key in ("client-certificate-data", "client-key-data"):
                pair.write(base64.b64decode(user[key]))
            pair.flush()
            self.context.load_cert_chain(pair.name)
        self.connection = self.connect()

    @classmethod
    def from_file(cls, path: Path, timeout: float = 10.0) -> Api:
        """Return the API server of a kubeconfig file."""
        return cls(path.read_text(), timeout)

    def connect(self) -> http.client.HTTPSConnection:
        """Return a new connection; it opens with its first request."""
        timeout = patience.scaled(self.timeout)
        return http.client.HTTPSConnection(
            self.server.hostname or "", self.server.port, context=self.context, timeout=timeout
        )

    def send(
        self,
        connection: http.client.HTTPSConnection,
        method: str,
        path: str,
        body: Any = None,
        kind: str = "application/json",
    ) -> http.client.HTTPResponse:
        """Send one request; return the response, its body still unread if it is a success."""
        headers = {"Content-Type": kind, "Accept": "application/json"}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        if response.status >= 400:
            text = response.read().decode(errors="replace")[:300]
            raise ApiError(response.status, f"{method} {path}: {response.status} {text}")
        return response

    def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """Send one request and return the decoded answer. Raises `FAILURES`.

        Calls share a connection: a handshake costs both sides more than the call itself.
        """
        try:
            text = self.send(self.connection, method, path, body, kind).read()
        except ApiError:
            raise
        except FAILURES:
            self.connection.close()  # the next call opens it again
            raise
        return json.loads(text) if text.startswith(b"{") else text.decode()

    def apply(self, document: dict[str, Any]) -> None:
        """Create or updates an object by server-side apply."""
        group, kind = document["apiVersion"], document["kind"]
        metadata = document["metadata"]
        path = f"/apis/{group}" if "/" in group else f"/api/{group}"
        if kind not in CLUSTER_WIDE:
            path += f"/namespaces/{metadata['namespace']}"
        path += f"/{PLURALS[kind]}/{metadata['name']}?fieldManager=localkube&force=true"
        self.call("PATCH", path, document, "application/apply-patch+yaml")

    def watch(self, path: str, version: str) -> Iterator[dict[str, Any]]:
        """Yield the events of a collection after a resource version, until the server ends it."""
        seconds = max(1, int(self.timeout) - 1)
        query = f"?watch=1&resourceVersion={version}&timeoutSeconds={seconds}"
        connection = self.connect()
        with contextlib.closing(connection), self.send(connection, "GET", path + query) as response:
            for line in response:
                yield json.loads(line)

    def answers(self) -> bool:
        """Check whether the API server answers, be it that it is not ready yet."""
        try:
            self.call("GET", "/readyz")
        except FAILURES as failure:
            return isinstance(failure, ApiError)
        return True

    def has_schema(self) -> bool:
        """Have the API server make its schema, which it then keeps. Raises `FAILURES`.

        That takes two seconds of a processor. On a slow machine it takes longer than clients wait,
        which are Pulumi's provider with 30 s and the API server itself with 60 s.
        """
        connection = self.connect()
        with contextlib.closing(connection):
            connection.request("GET", "/openapi/v2", headers={"Accept": _SCHEMA})
            response = connection.getresponse()
            response.read()
            return response.status == HTTPStatus.OK

    def is_ready(self) -> bool:
        """Check whether the API server says that it is ready."""
        try:
            return bool(self.call("GET", "/readyz") == "ok")
        except FAILURES:
            return False

    def ready_nodes(self, since: float) -> set[str]:
        """Return the names of the nodes that are Ready and were heard from after `since`.

        `since`: seconds since 1970. The condition alone is not enough: after a power cut it says
        Ready until somebody notices the silence. A kubelet says that it lives in its status and in
        its lease. A new one's lease comes late, at the first renewal: the first one fails, for the
        node is not registered yet (controller.go in component-helpers/apimachinery/lease).
        """
        ready = {
            node["metadata"]["name"]: each.get("lastHeartbeatTime")
            for node in self.call("GET", "/api/v1/nodes")["items"]
            for each in node["status"].get("conditions", [])
            if each["type"] == "Ready" and each["status"] == "True"
        }
        silent = {name for name, at in ready.items() if not _is_after(at, since)}
        if silent:
            path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
            silent -= {
                lease["metadata"]["name"]
                for lease in self.call("GET", path)["items"]
                if _is_after(lease["spec"].get("renewTime"), since)
            }
        return ready.keys() - silent

    def open_nodes(self) -> set[str]:
        """Return the names of the nodes that the scheduler may give pods to, if they are ready.

        A node begins with a taint, which the controllers take off only after it is Ready: two
        seconds after while a cluster starts, and not off all nodes at once (measured).
        """
        return {
            node["metadata"]["name"]
            for node in self.call("GET", "/api/v1/nodes")["items"]
            if not any(taint["key"] in UNREADY for taint in node["spec"].get("taints", []))
        }


def _is_after(text: str | None, since: float) -> bool:
    """Check whether a time as Kubernetes writes it is after `since`, seconds since 1970."""
    return text is not None and datetime.fromisoformat(text).timestamp() > since


def wait_for(
    condition: Callable[[], bool],
    seconds: float,
    interval: float = 0.1,
    reached: Callable[[], Set[str]] | None = None,
) -> bool:
    """Wait until the condition is true; a failing call counts as not yet.

    Returns False after so many seconds in which nothing more was `reached`: it returns the
    milestones that hold now, each counts once, and it is asked every LOOK_SECONDS.
    """
    began = last = time.monotonic()
    known: set[str] = set()
    looks = 1
    while True:
        try:
            if condition():
                return True
        except FAILURES:
            pass
        now = time.monotonic()
        if reached and now - began > looks * LOOK_SECONDS:
            looks = int((now - began) / LOOK_SECONDS) + 1
            if new := reached() - known:
                known |= new
                last = now
        if now - last > seconds:
            return False
        time.sleep(interval)
