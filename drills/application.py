"""The application that drills strike, as the stack's output `application` describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

PORTAL = ("transaction-service", "web-portal")
"""Namespace and name of the Deployment in `manifests/app.yaml`, which has features of its own."""

SCALABLE = ("Deployment", "StatefulSet")
"""Kinds of workload that have a number of replicas."""

ROLLED_OUT = (*SCALABLE, "DaemonSet")
"""Kinds of workload that `kubectl rollout` knows."""


class Workload(NamedTuple):
    """What makes pods: a Deployment, say."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True)
class Application:
    """The first exposed Service and the workload behind it."""

    namespace: str = PORTAL[0]
    kind: str = "Deployment"
    """Of the workload; empty if the manifest has none behind the Service."""
    name: str = PORTAL[1]
    """Of the workload."""
    selector: Mapping[str, str] = field(default_factory=lambda: {"app": PORTAL[1]})
    """Labels of the Service's pods."""
    host: str = ""
    path: str = "/"

    @staticmethod
    def of(output: Mapping[str, Any]) -> Application:
        """Return what the stack's output says. Raises KeyError if it says less."""
        workload = output["workload"] or {}
        return Application(
            namespace=output["namespace"],
            kind=workload.get("kind", ""),
            name=workload.get("name", ""),
            selector=output["selector"],
            host=output["host"],
            path=output["path"],
        )

    @property
    def workload(self) -> Workload:
        """The workload that is struck."""
        return Workload(self.kind, self.namespace, self.name)

    @property
    def label_selector(self) -> str:
        """The selector as kubectl takes it."""
        return ",".join(f"{key}={value}" for key, value in self.selector.items())

    @property
    def is_portal(self) -> bool:
        """Whether it is the demo's own, which logs executions and can answer wrongly on demand."""
        return self.kind == "Deployment" and (self.namespace, self.name) == PORTAL

    def lacks(self, kinds: tuple[str, ...]) -> str:
        """Return why a fault that needs one of these kinds of workload cannot be made."""
        if self.kind in kinds:
            return ""
        wanted = " or ".join(kinds)
        if not self.kind:
            return f"needs a {wanted} behind the exposed Service, and the manifest has none there"
        return f"needs a {wanted}, and the application's workload is {self.kind} {self.name}"
