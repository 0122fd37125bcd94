"""Which pods a fault strikes: those that were seen before clients wait, or else those that run."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from drills.faults import Strike, named, processes, session
from drills.stack import Stack

PODS = {"uid-a": "web-portal-a", "uid-b": "web-portal-b"}


@dataclass
class Cluster:
    """A stack of one cluster; counts how often it is asked which pods run."""

    looks: int = 0
    struck: list[str] = field(default_factory=list)
    is_local = True
    application = SimpleNamespace(name="web-portal", namespace="bank", label_selector="app=x")

    def get(self, _: str, *words: str) -> dict[str, Any]:
        """Return the pods that run, as kubectl does."""
        assert words[0] == "pods"
        self.looks += 1
        return {"items": [{"metadata": {"uid": u, "name": n}} for u, n in PODS.items()]}

    def kubectl_command(self, _: str, command: str, pod: str, *__: str) -> list[str]:
        """Return a program that takes a setting, as a pod's admin port does."""
        assert command == "exec"
        self.struck.append(pod)
        answer = f"echo {session.READY}; read -r; echo HTTP/1.1 200 OK"
        return ["bash", "-c", answer]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()

    def of_pods(_: Strike, uids: list[str]) -> list[int]:
        return [ord(uid[-1]) for uid in uids if uid in PODS]

    monkeypatch.setattr(processes, "of_pods", of_pods)
    monkeypatch.setattr(processes, "kill", lambda pids: made.struck.extend(map(str, pids)))
    monkeypatch.setattr(processes, "freeze", lambda pids, _: made.struck.extend(map(str, pids)))
    return made


def strike(cluster: Cluster, memory: dict[str, str]) -> Strike:
    return Strike(cast("Stack", cluster), "east-cluster", memory)


@pytest.mark.parametrize(
    ("fault", "struck"),
    [
        ("pods-hang", ["97", "98"]),
        ("pod-killed", ["97"]),
        ("pods-errors", ["web-portal-a", "web-portal-b"]),
        ("pods-slow", ["web-portal-a", "web-portal-b"]),
    ],
)
def test_a_fault_looks_for_pods_before_it_begins(
    cluster: Cluster, fault: str, struck: list[str]
) -> None:
    means = named(fault).means
    memory = means.remember(strike(cluster, {}))
    looks = cluster.looks
    means.break_(strike(cluster, memory))
    assert (cluster.looks, sorted(cluster.struck)) == (looks, struck)


@pytest.mark.parametrize("memory", [{}, {"pods": ""}, {"pods": "uid-gone"}])
def test_pods_that_are_gone_are_looked_for_anew(cluster: Cluster, memory: dict[str, str]) -> None:
    named("pods-hang").means.break_(strike(cluster, memory))
    assert cluster.struck == ["97", "98"]
