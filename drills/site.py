"""The stack that drills strike: its clusters by kubectl and, where they are ours, from below."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from components.regions import region_order
from drills.traffic import target
from localkube import cluster as embedded
from localkube import pki
from localkube.api import FAILURES, Api
from localkube.spec import ClusterSpec
from toolchain import run, tools
from toolchain.errors import UserError

EDGE = "corp-edge"
"""Name and context of the edge's cluster."""

PORTAL = ("transaction-service", "web-portal")
"""Namespace and name of the application's Deployment."""

GATEWAY = ("tetrate-system", "gateway")
"""Namespace and name of the gateway's Deployment, in every cluster."""

Weights = Mapping[str, int | None]


@dataclass(frozen=True)
class Site:
    """A stack that is up."""

    stack: str
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
    naive_url: str = ""
    """Address of the naive route; empty where it is switched off."""
    platform: str = "envoy"
    """What moves the traffic; predictions and promises are about our own Envoys."""

    @staticmethod
    def selected(stack: str | None = None, elsewhere: bool = False) -> Site:
        """The stack named, or the selected one. Raises TargetError if it is not up."""
        found = target.selected(stack)
        if not found.weights:
            raise UserError(f"Stack {found.stack} is not up. Bring it up: ./demo up {found.stack}")
        return Site(
            stack=found.stack,
            folder=found.folder,
            kubeconfig=found.kubeconfig,
            weights=found.weights,
            mode=found.lb_mode,
            url=found.url,
            ca_file=found.ca_file,
            elsewhere=elsewhere,
            naive_url=found.naive_url,
            platform=found.platform,
        )

    @property
    def application(self) -> tuple[str, ...]:
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
        return {spec.name: spec for spec in embedded.clusters(self.folder / "lab")}

    @property
    def is_local(self) -> bool:
        """Whether the clusters run on this machine, so that it can be struck below them."""
        return bool(self.embedded)

    def spec(self, cluster: str) -> ClusterSpec:
        """One of the clusters that run on this machine. Raises UserError for any other."""
        try:
            return self.embedded[cluster]
        except KeyError:
            raise UserError(f"{cluster} does not run on this machine (backend local)") from None

    @cached_property
    def order(self) -> tuple[tuple[str, ...], ...]:
        """Application clusters by preference: the first group shares all traffic, and so on."""
        if all(weight is not None for weight in self.weights.values()):
            first = tuple(name for name, weight in self.weights.items() if weight)
            rest = tuple(name for name, weight in self.weights.items() if not weight)
            return tuple(group for group in (first, rest) if group)
        regions = {name: self._region(name) for name in self.weights}
        ordered = region_order(self._edge_region(), regions.values())
        return tuple(tuple(n for n, region in regions.items() if region == r) for r in ordered)

    def kubectl(
        self, cluster: str, *arguments: str, seconds: float = 20, check: bool = True
    ) -> str:
        """What kubectl prints about a cluster, always named by its context.

        Raises UserError when it fails (unless `check` is off: then what it printed is returned)
        or takes longer than `seconds`. A signal typed on the terminal does not reach it.
        """
        try:
            done = subprocess.run(
                self.kubectl_command(cluster, *arguments),
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            words = " ".join(arguments[:4])
            raise UserError(f"{cluster}: no answer to `kubectl {words}` in {seconds:g} s") from None
        if done.returncode and check:
            said = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise UserError(f"{cluster}: `kubectl {' '.join(arguments[:4])}`: {said}")
        return done.stdout

    def kubectl_command(self, cluster: str, *arguments: str) -> list[str]:
        """The command line of kubectl for a cluster; it ends with this process."""
        command = [str(tools.path("kubectl")), "--kubeconfig", str(self.kubeconfig)]
        return run.tied([*command, "--context", cluster, *arguments])

    def get(self, cluster: str, *arguments: str) -> dict[str, Any]:
        """What `kubectl get ... --output json` gives. Raises UserError."""
        limit = "--request-timeout=5s"
        return dict(json.loads(self.kubectl(cluster, "get", *arguments, "--output=json", limit)))

    def ask(self, cluster: str, method: str, path: str) -> dict[str, Any]:
        """What the API server answers to GET or DELETE of a path. Raises UserError."""
        if api := self._api(cluster):
            return dict(_asked(cluster, api, method, path))
        verb = {"GET": "get", "DELETE": "delete"}[method]
        return dict(json.loads(self.kubectl(cluster, verb, "--raw", path)))

    def read(self, cluster: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """An object (`kind`: deployment or service). Raises UserError."""
        return self.ask(cluster, "GET", _path(kind, namespace, name))

    def patch(
        self, cluster: str, kind: str, namespace: str, name: str, change: Mapping[str, Any]
    ) -> None:
        """Changes an object in one step, by a strategic merge. Raises UserError."""
        if api := self._api(cluster):
            path, form = _path(kind, namespace, name), "application/strategic-merge-patch+json"
            _asked(cluster, api, "PATCH", path, change, form)
            return
        where = (kind, name, "--namespace", namespace)
        self.kubectl(cluster, "patch", *where, "--type=strategic", "--patch", json.dumps(change))

    def _api(self, cluster: str) -> Api | None:
        """The API server of a cluster on this machine, asked without kubectl.

        Each kubectl takes up to half a second of a processor that the traffic shares, and would
        count as time that the fault took to have its effect.
        """
        if not self.is_local:
            return None
        try:
            return Api(pki.user_kubeconfig(self.spec(cluster)))
        except (OSError, KeyError, ValueError) as error:
            raise UserError(f"{cluster}: its kubeconfig cannot be used: {error}") from None

    def _region(self, cluster: str) -> str:
        info = self.get(cluster, "configmap", "cluster-info", "--namespace", PORTAL[0])
        return str(info["data"]["region"])

    def _edge_region(self) -> str:
        namespace, name = GATEWAY
        found = self.get(EDGE, "deployment", name, "--namespace", namespace)
        arguments = found["spec"]["template"]["spec"]["containers"][0]["args"]
        return str(arguments[arguments.index("--service-zone") + 1])


def _path(kind: str, namespace: str, name: str) -> str:
    group = {"deployment": "apis/apps/v1", "service": "api/v1"}[kind]
    return f"/{group}/namespaces/{namespace}/{kind}s/{name}"


def _asked(cluster: str, api: Api, method: str, *rest: Any) -> Any:
    try:
        return api.call(method, *rest)
    except FAILURES as error:
        raise UserError(f"{cluster}: {error}") from None


def until(condition: Callable[[], bool], what: str, seconds: float, pause: float = 0.1) -> None:
    """Waits for a condition. Raises UserError that says `what` did not happen in time."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(UserError):  # whoever is asked may be away for a moment
            if condition():
                return
        if time.monotonic() > end:
            raise UserError(f"{what}: not within {seconds:g} s")
        time.sleep(pause)
