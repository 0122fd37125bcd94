"""What can be known on a platform whose proxies cannot be asked: the application's own pods.

Who gets the requests is not known there, and the picture says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drills.application import Application
from topology.kubectl import GONE, Source, is_ready
from topology.proxies import State

LIMITS = (
    "The proxies of platform {} cannot be asked: requests, shares and who is left out are not known"
)
_PROXY = "of the platform"
"""Name of the proxies in the picture; how many there are is not known."""


@dataclass
class Pod:
    """A pod of the application, and what Kubernetes says of it."""

    name: str
    cluster: str
    ready: bool = False
    leaving: bool = False
    gone: bool = False

    @property
    def state(self) -> State:
        """The pod's state; whether it serves is not known."""
        if self.gone:
            return State.GONE
        if self.leaving:
            return State.DRAINING
        return State.READY if self.ready else State.UNREACHABLE


class PlatformPods(Source):
    """The application's pods in all application clusters of a stack."""

    def __init__(
        self,
        kubeconfig: Path,
        platform: str,
        application: Application,
        expected: Mapping[str, float],
    ) -> None:
        super().__init__(kubeconfig)
        self._application, self._expected = application, expected
        self._limits = LIMITS.format(platform)
        self._pods: dict[tuple[str, str], Pod] = {}

    def start(self) -> None:
        """Begin to watch the pods."""
        for cluster in self._expected:
            where = (self._application.namespace, self._application.label_selector)
            self._spawn(self._watch, cluster, *where)

    def picture(self, now: float) -> dict[str, Any]:
        """Return what Kubernetes has said, as a picture."""
        with self._lock:
            found = picture(self._pods.values(), self._expected, now)
        return {**found, "limits": self._limits}

    def _known(self, cluster: str) -> set[str]:
        with self._lock:
            pods = [pod for pod in self._pods.values() if not pod.gone]
        return {pod.name for pod in pods if pod.cluster == cluster}

    def _note(self, cluster: str, kind: str, pod: dict[str, Any]) -> None:
        name = pod["metadata"]["name"]
        with self._lock:
            found = self._pods.setdefault((cluster, name), Pod(name, cluster))
            found.ready = is_ready(pod)
            found.leaving = "deletionTimestamp" in pod["metadata"]
            found.gone = kind == "DELETED"
            if found.gone:
                self._pods[cluster, name] = self._pods.pop((cluster, name))  # it went last
                self._forget(cluster)

    def _forget(self, cluster: str) -> None:
        """Keep those of a cluster's pods that went last: every picture holds all."""
        gone = [key for key, pod in self._pods.items() if pod.gone and pod.cluster == cluster]
        for key in gone[:-GONE]:
            del self._pods[key]


def picture(pods: Iterable[Pod], expected: Mapping[str, float], now: float) -> dict[str, Any]:
    """Return a picture as `topology.picture` does, without what only proxies know.

    `expected` has the due share of each cluster, by the stack's outputs.
    """
    known = list(pods)
    proxy: dict[str, Any] = {
        "name": _PROXY,
        "state": State.UNKNOWN,
        "silent": None,
        "p99": None,
        "peers": [],
    }
    links = [{"to": name, "rate": 0.0, "bad": 0.0, "p99": None} for name in expected]
    clusters = []
    for name, due in expected.items():
        its = [pod for pod in known if pod.cluster == name]
        alive = {pod.state for pod in its if not pod.gone}
        state = State.READY if State.READY in alive else State.UNREACHABLE
        clusters.append(
            {
                "name": name,
                "state": state if its else State.UNKNOWN,
                "due": due,
                "share": None,
                "rate": None,
                "bad": 0.0,
                "p99": None,
                "left": None,
                "answers": 0.0,
                "counted": [],
                "gateways": [
                    {**proxy, "links": [{"to": p.name, "rate": 0.0, "bad": 0.0} for p in its]}
                ],
                "pods": [
                    {"address": pod.name, "state": pod.state, "rate": None, "left": None}
                    for pod in sorted(its, key=lambda pod: pod.name)
                ],
            }
        )
    edge = {**proxy, "links": links}
    return {"at": now, "rate": None, "edge": [edge], "clusters": clusters}
