"""Which pods are a workload's own, and when all of them are ready."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drills import rollout
from drills.application import Workload
from drills.stack import Stack

EAST = "east-cluster"


def pod(name: str, kind: str, owner: str, namespace: str = "retail") -> dict[str, Any]:
    owners = [{"kind": kind, "name": owner}]
    return {"metadata": {"name": name, "namespace": namespace, "ownerReferences": owners}}


@pytest.mark.parametrize(
    ("made", "own"),
    [
        (pod("a", "ReplicaSet", "shop-5f7c"), True),
        (pod("a", "ReplicaSet", "shop-canary-5f7c"), False),
        (pod("a", "ReplicaSet", "shop-5f7c", "other"), False),
        (pod("a", "Job", "shop"), False),
        ({"metadata": {"name": "a", "namespace": "retail"}}, False),
    ],
)
def test_a_deployments_pods_are_those_of_its_replica_sets(made: Any, own: bool) -> None:
    assert rollout.is_of(made, Workload("Deployment", "retail", "shop")) is own


def test_a_stateful_set_makes_its_pods_itself() -> None:
    workload = Workload("StatefulSet", "retail", "shop")
    assert rollout.is_of(pod("shop-0", "StatefulSet", "shop"), workload)
    assert not rollout.is_of(pod("shop-0", "DaemonSet", "shop"), workload)


class Objects:
    """A workload that gets ready after some looks, and pods."""

    def __init__(self, strategy: str, looks: int = 0) -> None:
        self.strategy, self.looks = strategy, looks
        self.pods = [pod("a", "ReplicaSet", "shop-1"), pod("b", "Job", "migration")]

    def read(self, *_: str) -> dict[str, Any]:
        self.looks -= 1
        spec = {"replicas": 2, "updateStrategy": {"type": self.strategy}}
        status = {"readyReplicas": 2 if self.looks < 0 else 1}
        return {"kind": "StatefulSet", "spec": spec, "status": status}

    def ask(self, _: str, method: str, path: str) -> dict[str, Any]:
        assert (method, path) == ("GET", "/api/v1/namespaces/retail/pods?labelSelector=app%3Dshop")
        return {"items": self.pods}


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    monkeypatch.setattr(
        Stack, "kubectl", lambda *_, **__: pytest.fail("it follows no such rollout")
    )
    return Stack("west", tmp_path, tmp_path / "kubeconfig", {EAST: 1}, "active")


def test_pods_that_others_end_are_waited_for_by_their_number(stack: Stack) -> None:
    found = Objects("OnDelete", looks=3)
    stack.__dict__["objects"] = found
    rollout.wait_ready(stack, EAST, Workload("StatefulSet", "retail", "shop"))
    assert found.looks < 0


def test_others_with_the_same_labels_are_not_waited_for(stack: Stack) -> None:
    found = Objects("RollingUpdate")
    stack.__dict__["objects"] = found
    workload = Workload("Deployment", "retail", "shop")
    assert rollout.own_pods(stack, EAST, workload, "app=shop") == ["a"]
    found.pods.pop(0)
    assert rollout.own_pods(stack, EAST, workload, "app=shop") == []
