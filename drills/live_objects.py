"""Objects of the clusters, one at a time: read, and changed in the drills' name.

Clusters on this machine are asked without kubectl: each kubectl takes up to half a second of a
processor that the traffic shares, and would count as time that a fault took to have its effect.
"""

from __future__ import annotations

import http
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from foundation import managed_fields
from foundation.errors import UserError
from foundation.managed_fields import MANAGER
from localkube import machine
from localkube.machine import FAILURES, Api, ApiError, ClusterSpec

_GROUPS = {
    "Deployment": "apis/apps/v1",
    "StatefulSet": "apis/apps/v1",
    "DaemonSet": "apis/apps/v1",
    "Service": "api/v1",
    "Node": "api/v1",
}


def group(kind: str) -> str:
    """Return the API group of a kind that drills change."""
    return _GROUPS[kind].removeprefix("api/v1").removeprefix("apis/").rpartition("/")[0]


class Conflict(UserError):
    """An object was changed by others since it was read."""


class LiveObjects:
    """Objects of a stack's clusters."""

    def __init__(self, kubectl: Callable[..., str], embedded: Mapping[str, ClusterSpec]) -> None:
        """`kubectl` is `Stack.kubectl`; `embedded` are the clusters on this machine."""
        self._kubectl, self._embedded = kubectl, embedded

    def ask(self, cluster: str, method: str, path: str) -> dict[str, Any]:
        """Return what the API server answers to GET or DELETE of a path. Raises UserError."""
        if api := self._api(cluster):
            return dict(_asked(cluster, api, method, path))
        verb = {"GET": "get", "DELETE": "delete"}[method]
        return dict(json.loads(self._kubectl(cluster, verb, "--raw", path)))

    def read(self, cluster: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Return an object of a kind that drills change, `managedFields` included.

        Raises UserError.
        """
        return self.ask(cluster, "GET", _path(kind, namespace, name))

    def patch(
        self, cluster: str, kind: str, namespace: str, name: str, change: Mapping[str, Any]
    ) -> None:
        """Change an object in the drills' name, by a strategic merge. Raises UserError."""
        self._patch(cluster, (kind, namespace, name), change, "strategic")

    def set_owners(
        self,
        cluster: str,
        kind: str,
        namespace: str,
        name: str,
        found: Mapping[str, Any],
        managed: Sequence[Mapping[str, Any]],
    ) -> None:
        """Replace the `managedFields` of an object that was read as `found`.

        Raises Conflict if it has changed since, and UserError.
        """
        self._patch(
            cluster, (kind, namespace, name), managed_fields.replaced(found, managed), "json"
        )

    def _patch(self, cluster: str, what: tuple[str, str, str], change: Any, form: str) -> None:
        kind, namespace, name = what
        if api := self._api(cluster):
            path = f"{_path(kind, namespace, name)}?fieldManager={MANAGER}"
            media = {"strategic": "strategic-merge-patch+json", "json": "json-patch+json"}[form]
            _asked(cluster, api, "PATCH", path, change, f"application/{media}")
            return
        where = ("--namespace", namespace) if namespace else ()
        self.patch_by_kubectl(cluster, (kind.lower(), name, *where), change, form)

    def patch_by_kubectl(
        self, cluster: str, what: Sequence[str], change: Any, form: str, stdin: str = ""
    ) -> None:
        """Change an object in the drills' name by `kubectl patch`, whose arguments name it.

        Raises Conflict if it has changed since, and UserError.
        """
        how = (f"--field-manager={MANAGER}", f"--type={form}", "--patch", json.dumps(change))
        try:
            self._kubectl(cluster, "patch", *what, *how, stdin=stdin)
        except UserError as error:
            raise (Conflict(str(error)) if "(Conflict)" in str(error) else error) from None

    def _api(self, cluster: str) -> Api | None:
        if not self._embedded:
            return None
        try:
            return machine.api(self._embedded[cluster])
        except (OSError, KeyError, ValueError) as error:
            raise UserError(f"{cluster}: its kubeconfig cannot be used: {error}") from None


def _path(kind: str, namespace: str, name: str) -> str:
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"/{_GROUPS[kind]}{where}/{kind.lower()}s/{name}"


def _asked(cluster: str, api: Api, method: str, *rest: Any) -> Any:
    try:
        return api.call(method, *rest)
    except FAILURES as error:
        if isinstance(error, ApiError) and error.status == http.HTTPStatus.CONFLICT:
            raise Conflict(f"{cluster}: {error}") from None
        raise UserError(f"{cluster}: {error}") from None
