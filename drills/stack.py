"""The stack that drills strike: its clusters by kubectl and, where they are ours, from below."""

from __future__ import annotations

import contextlib
import http
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from drills import stack_objects, stack_outputs
from drills.application import Application, Workload
from drills.stack_objects import StackObject
from foundation import contract, kubectl, managed_fields, run
from foundation.errors import UserError
from foundation.identity import Identity
from foundation.managed_fields import MANAGER
from localkube import machine
from localkube.machine import FAILURES, Api, ApiError, ClusterSpec
from toolchain import tools

EDGE = contract.EDGE_CLUSTER
"""Name and context of the edge's cluster."""

GATEWAY_WORKLOAD = Workload("Deployment", contract.GATEWAY_NAMESPACE, contract.GATEWAY_NAME)
"""The gateway's Deployment, in every cluster; its Service has the same name."""

GATEWAY_SELECTOR = "app.kubernetes.io/name=gateway"
"""Labels of the gateway's pods."""

Weights = Mapping[str, int | None]

_GROUPS = {
    "Deployment": "apis/apps/v1",
    "StatefulSet": "apis/apps/v1",
    "DaemonSet": "apis/apps/v1",
    "Service": "api/v1",
    "Node": "api/v1",
}


class Conflict(UserError):
    """An object was changed by others since it was read."""


@dataclass(frozen=True)
class Stack:
    """A stack that is up."""

    name: str
    folder: Path
    """The stack's private folder."""
    kubeconfig: Path
    weights: Weights
    """Application clusters and the edge's weight of each; None where locality decides."""
    mode: str
    url: str = ""
    ca_file: Path | None = None
    elsewhere: bool = False
    """Whether the clusters are to be taken for somebody else's, wherever they run."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Settings, other than the stack's own, that are in force while drills run."""
    platform: str = "envoy"
    """What moves the traffic; predictions and promises are about our own Envoys."""
    order: tuple[tuple[str, ...], ...] = ()
    """Application clusters by preference: the first group shares all traffic, and so on."""
    failback: str = "atOnce"
    """How a cluster that was away gets its share again: atOnce, ramped or manual."""
    ramp: float = 0.0
    """Seconds that a ramped failback takes."""
    application: Application = field(default_factory=Application)
    """What runs in the application clusters behind the first exposed Service."""

    @staticmethod
    def selected(name: str | None = None, elsewhere: bool = False) -> Stack:
        """Return the stack named, or the selected one. Raises UserError if it is not up."""
        found = stack_outputs.selected(name)
        if not found.weights:
            raise UserError(f"Stack {found.stack} is not up. Bring it up: ./demo up {found.stack}")
        if not found.priorities or not found.application:
            raise UserError(
                f"Stack {found.stack} has no outputs application and edgePriorities yet."
                f" Have them made: ./demo up {found.stack}"
            )
        return Stack(
            name=found.stack,
            folder=found.folder,
            kubeconfig=found.kubeconfig,
            weights=found.weights,
            mode=found.lb_mode,
            url=found.url,
            ca_file=found.ca_file,
            elsewhere=elsewhere,
            platform=found.platform,
            order=tuple(tuple(group) for group in found.priorities),
            failback=found.failback,
            ramp=found.ramp,
            application=Application.of(found.application),
        )

    @property
    def application_clusters(self) -> tuple[str, ...]:
        """The application clusters, in the order of the settings."""
        return tuple(self.weights)

    @property
    def clusters(self) -> tuple[str, ...]:
        """All clusters, the edge's last."""
        return (*self.weights, EDGE)

    @cached_property
    def embedded(self) -> dict[str, ClusterSpec]:
        """The clusters that run on this machine; none when they are somebody else's."""
        if self.elsewhere:
            return {}
        return {spec.name: spec for spec in machine.clusters(self.folder / "lab")}

    @property
    def is_local(self) -> bool:
        """Whether the clusters run on this machine, so that it can be struck below them."""
        return bool(self.embedded)

    def spec(self, cluster: str) -> ClusterSpec:
        """Return one of the clusters that run on this machine. Raises UserError for any other."""
        try:
            return self.embedded[cluster]
        except KeyError:
            raise UserError(f"{cluster} does not run on this machine (backend local)") from None

    def kubectl(
        self,
        cluster: str,
        *arguments: str,
        seconds: float = 20,
        stdin: str = "",
    ) -> str:
        """Return what kubectl prints about a cluster, always named by its context.

        Raises UserError when it fails or takes longer than `seconds`. A signal typed on the
        terminal does not reach it.
        """
        command = self.kubectl_command(cluster, *arguments)
        try:
            return kubectl.run(command, seconds=seconds, stdin=stdin, apart=True)
        except kubectl.NoAnswer as error:
            words = " ".join(arguments[:4])
            raise UserError(f"{cluster}: `kubectl {words}`: {error}") from None

    def kubectl_command(self, cluster: str, *arguments: str) -> list[str]:
        """Return the command line of kubectl for a cluster; it ends with this process."""
        command = [str(tools.path("kubectl")), "--kubeconfig", str(self.kubeconfig)]
        return run.tied([*command, "--context", cluster, *arguments])

    def get(self, cluster: str, *arguments: str) -> dict[str, Any]:
        """Return what `kubectl get ... --output json` gives. Raises UserError."""
        limit = "--request-timeout=5s"
        return dict(json.loads(self.kubectl(cluster, "get", *arguments, "--output=json", limit)))

    def ask(self, cluster: str, method: str, path: str) -> dict[str, Any]:
        """Return what the API server answers to GET or DELETE of a path. Raises UserError."""
        if api := self._api(cluster):
            return dict(_asked(cluster, api, method, path))
        verb = {"GET": "get", "DELETE": "delete"}[method]
        return dict(json.loads(self.kubectl(cluster, verb, "--raw", path)))

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

    def stack_object(
        self, cluster: str, kind: str, namespace: str, name: str
    ) -> StackObject | None:
        """Return what the stack applies of an object; None if it is none of the stack's.

        Raises UserError if the stack's state cannot be read.
        """
        group = _GROUPS[kind].removeprefix("api/v1").removeprefix("apis/").rpartition("/")[0]
        return stack_objects.find(
            self.stack_objects, cluster, Identity(group, kind, namespace, name)
        )

    @cached_property
    def stack_objects(self) -> list[StackObject]:
        """The stack's objects, as its state held them when they were first asked for."""
        return stack_objects.load(self.name)

    def _patch(self, cluster: str, what: tuple[str, str, str], change: Any, form: str) -> None:
        kind, namespace, name = what
        if api := self._api(cluster):
            path = f"{_path(kind, namespace, name)}?fieldManager={MANAGER}"
            media = {"strategic": "strategic-merge-patch+json", "json": "json-patch+json"}[form]
            _asked(cluster, api, "PATCH", path, change, f"application/{media}")
            return
        where = ("--namespace", namespace) if namespace else ()
        self.kubectl_patch(cluster, (kind.lower(), name, *where), change, form)

    def kubectl_patch(
        self, cluster: str, what: Sequence[str], change: Any, form: str, stdin: str = ""
    ) -> None:
        """Change an object in the drills' name by `kubectl patch`, whose arguments name it.

        Raises Conflict if it has changed since, and UserError.
        """
        how = (f"--field-manager={MANAGER}", f"--type={form}", "--patch", json.dumps(change))
        try:
            self.kubectl(cluster, "patch", *what, *how, stdin=stdin)
        except UserError as error:
            raise (Conflict(str(error)) if "(Conflict)" in str(error) else error) from None

    def _api(self, cluster: str) -> Api | None:
        """Return the API server of a cluster on this machine, asked without kubectl.

        Each kubectl takes up to half a second of a processor that the traffic shares, and would
        count as time that the fault took to have its effect.
        """
        if not self.is_local:
            return None
        try:
            return machine.api(self.spec(cluster))
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


def until(condition: Callable[[], bool], what: str, seconds: float, pause: float = 0.1) -> None:
    """Wait for a condition. Raises UserError that says `what` did not happen in time."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(UserError):  # whoever is asked may be away for a moment
            if condition():
                return
        if time.monotonic() > end:
            raise UserError(f"{what}: not within {seconds:g} s")
        time.sleep(pause)
