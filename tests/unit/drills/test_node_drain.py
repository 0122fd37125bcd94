"""A drain of a cluster's nodes: whose pods go, and whose cordon it is."""

from __future__ import annotations

from typing import Any

import pytest

from drills.faults import Strike, named
from drills.stack import Stack
from drills.stack_objects import StackObject
from tests.support.drill_stack import EAST


def pod(namespace: str, kind: str, owner: str) -> dict[str, Any]:
    owners = [{"kind": kind, "name": owner}]
    metadata = {"namespace": namespace, "name": f"{owner}-x", "uid": f"{namespace}/{owner}"}
    return {"metadata": {**metadata, "ownerReferences": owners}}


class Pods:
    """The pods of a cluster, by namespace; a deleted one is gone at once."""

    def __init__(self, *namespaces: str) -> None:
        self.items = [pod(n, "ReplicaSet", "shop-5f7c") for n in namespaces]

    def ask(self, _: str, method: str, path: str) -> Any:
        if method == "DELETE":
            paths = [
                f"/{i['metadata']['namespace']}/pods/{i['metadata']['name']}" for i in self.items
            ]
            self.items = [i for i, p in zip(self.items, paths, strict=True) if not path.endswith(p)]
        return {"items": list(self.items)}


@pytest.mark.parametrize("is_local", [True, False])
def test_a_drain_of_a_cluster_of_others_leaves_their_pods(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, is_local: bool
) -> None:
    pods = Pods("retail", "tetrate-system", "kube-system", "theirs")
    pods.items.append(pod("retail", "ReplicaSet", "theirs-77"))
    monkeypatch.setitem(stack.__dict__, "objects", pods)
    own = [StackObject(EAST, deployment(n, "shop"), "pulumi") for n in ("retail", "tetrate-system")]
    monkeypatch.setitem(stack.__dict__, "stack_objects", own)
    monkeypatch.setitem(stack.__dict__, "embedded", {EAST: None} if is_local else {})
    named("node-drain").means.break_(Strike(stack, EAST))
    left = {item["metadata"]["uid"] for item in pods.items}
    others = {"kube-system/shop-5f7c", "theirs/shop-5f7c", "retail/theirs-77"}
    assert left == (set() if is_local else others)


def deployment(namespace: str, name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


class Nodes:
    """Nodes that their owner has cordoned."""

    def read(self, *_: str) -> dict[str, Any]:
        return {"metadata": {"managedFields": []}, "spec": {"unschedulable": True}}


def test_nodes_that_others_have_cordoned_stay_so(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = {"metadata": {"name": "n"}, "spec": {"unschedulable": True}}
    monkeypatch.setattr(Stack, "get", lambda *_: {"items": [node]})
    monkeypatch.setitem(stack.__dict__, "objects", Nodes())
    monkeypatch.setitem(stack.__dict__, "embedded", {})
    assert not named("node-drain").means.seen(Strike(stack, EAST))
    monkeypatch.setitem(stack.__dict__, "embedded", {EAST: None})
    assert named("node-drain").means.seen(Strike(stack, EAST)), "by hand, and the node is ours"
