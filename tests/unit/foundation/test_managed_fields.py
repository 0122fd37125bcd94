"""Field owners: what a drill sets it gives back, whoever had it and whatever came meanwhile."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from drills.application import Workload
from drills.faults import deployments, fields, services
from drills.faults.fields import Field
from drills.faults.model import Strike
from drills.stack_objects import StackObject
from foundation import managed_fields
from foundation.errors import UserError
from foundation.managed_fields import MANAGER, Path
from tests.support.managed_fields import STACK, Server, canonical, entry, taken

REPLICAS: Path = ("spec", "replicas")
PATHS: list[Path] = [
    REPLICAS,
    ("spec", "selector"),
    ("spec", "unschedulable"),
    ("metadata", "annotations", "a.b/c"),
    ("spec", "template", "spec", "containers", (("name", "web"),), "image"),
    ("spec", "ports", (("port", 80), ("protocol", "TCP")), "targetPort"),
]
WORKLOAD = Workload("Deployment", "shop", "shop")

managers = some.sampled_from([STACK, "kubectl-patch", "kube-controller-manager", "other"])


@some.composite
def entries(draw: some.DrawFn) -> list[dict[str, Any]]:
    """Draw entries as the API server keeps them: one each manager, operation and subresource."""
    names = draw(some.lists(managers, unique=True, max_size=4))
    return [
        entry(
            name,
            "Apply" if name == STACK else "Update",
            *draw(some.lists(some.sampled_from(PATHS), min_size=1, unique=True)),
            subresource="scale" if name == "kube-controller-manager" else "",
        )
        for name in names
    ]


@given(entries(), some.sampled_from(PATHS))
def test_what_is_taken_and_returned_is_as_before(managed: list[Any], path: Path) -> None:
    former = managed_fields.owners(managed, path)
    after = taken(managed, path, MANAGER)
    assert managed_fields.is_drilled(after, path) and not managed_fields.owners(after, path)
    assert canonical(managed_fields.returned(after, path, former)) == canonical(managed)


@given(entries(), some.permutations(PATHS))
def test_several_fields_are_returned_in_any_order(managed: list[Any], order: list[Path]) -> None:
    former = {path: managed_fields.owners(managed, path) for path in PATHS}
    after = managed
    for path in PATHS:
        after = taken(after, path, MANAGER)
    for path in order:
        after = managed_fields.returned(after, path, former[path])
    assert canonical(after) == canonical(managed)


@given(entries(), some.sampled_from(PATHS), managers)
def test_whoever_has_set_a_field_since_keeps_it(managed: list[Any], path: Path, who: str) -> None:
    former = managed_fields.owners(managed, path)
    since = taken(taken(managed, path, MANAGER), path, who)
    assert managed_fields.returned(since, path, former) == since


@given(entries(), some.sampled_from(PATHS))
def test_returning_twice_is_returning_once(managed: list[Any], path: Path) -> None:
    former = managed_fields.owners(managed, path)
    once = managed_fields.returned(taken(managed, path, MANAGER), path, former)
    assert managed_fields.returned(once, path, former) == once


def test_an_applier_has_one_entry_whatever_version_it_applies() -> None:
    managed = [entry(STACK, "Apply", REPLICAS, IMAGE.path)]
    former = managed_fields.owners(managed, REPLICAS)
    since = taken(managed, REPLICAS, MANAGER)
    since[0]["apiVersion"] = "apps/v2"
    after = managed_fields.returned(since, REPLICAS, former)
    assert after == [{**managed[0], "apiVersion": "apps/v2"}]


@given(entries())
def test_what_kubectl_holds_is_the_stacks_after_a_take_over(managed: list[Any]) -> None:
    after = managed_fields.taken_over(managed, STACK, "apps/v1")
    assert not any(map(managed_fields.is_kubectls, after))
    for path in PATHS:
        held = {e["manager"] for e in managed if managed_fields.holds(e["fieldsV1"], path)}
        wanted = {STACK if name.startswith("kubectl") else name for name in held}
        assert {e["manager"] for e in after if managed_fields.holds(e["fieldsV1"], path)} == wanted


@given(some.lists(some.sampled_from(PATHS), unique=True))
def test_the_leaves_of_a_tree_are_the_fields_it_was_made_of(paths: list[Path]) -> None:
    tree = entry("any", "Update", *paths)["fieldsV1"]
    assert set(managed_fields.paths(tree)) == set(paths)


def test_a_map_with_one_owner_holds_all_that_is_in_it() -> None:
    tree = {"f:spec": {"f:selector": {}, "f:ports": {".": {}, 'k:{"port":80}': {}}}}
    assert managed_fields.holds(tree, ("spec", "selector", "app"))
    assert managed_fields.holds(tree, ("spec", "ports"))
    assert not managed_fields.holds(tree, ("spec",))
    assert managed_fields.without(tree, ("spec", "ports", (("port", 80),))) == {
        "f:spec": {"f:selector": {}}
    }


def deployment(owner: dict[str, Any], replicas: int = 2) -> dict[str, Any]:
    """A Deployment whose fields, the number of its pods apart, are the stack's."""
    containers = [{"name": "web", "image": "registry:5000/web:1"}]
    image: Path = ("spec", "template", "spec", "containers", (("name", "web"),), "image")
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "namespace": "shop",
            "name": "shop",
            "managedFields": [entry(STACK, "Apply", image, ("spec", "strategy")), owner],
        },
        "spec": {"replicas": replicas, "template": {"spec": {"containers": containers}}},
    }


def service() -> dict[str, Any]:
    managed = [entry(STACK, "Apply", ("spec", "selector"), ("spec", "type"))]
    metadata = {"namespace": "shop", "name": "shop", "managedFields": managed}
    spec = {"selector": {"app": "shop"}, "type": "ClusterIP"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def node() -> dict[str, Any]:
    managed = [entry("kubelet", "Update", ("spec", "podCIDR"))]
    metadata = {"name": "node", "managedFields": managed}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {"podCIDR": "x"}}


STACKS = entry(STACK + "-other", "Apply", REPLICAS)
AUTOSCALERS = entry("kube-controller-manager", "Update", REPLICAS, subresource="scale")
IMAGE = Field(*WORKLOAD, ("spec", "template", "spec", "containers", (("name", "web"),), "image"))
NODE = Field("Node", "", "node", ("spec", "unschedulable"), is_added=True)
CASES = [
    (deployment(STACKS), deployments.replicas(WORKLOAD), 0),
    (deployment(AUTOSCALERS), deployments.replicas(WORKLOAD), 0),
    (deployment(STACKS), IMAGE, "registry:5000/web:broken-on-purpose"),
    (deployment(STACKS), deployments.restarted(WORKLOAD), "now"),
    (service(), services.closed("shop", "shop"), "true"),
    (node(), NODE, True),
]
IDS = ["replicas", "autoscaled", "image", "restart", "service", "node"]


def essence(found: dict[str, Any]) -> dict[str, Any]:
    """An object without what changes with every write."""
    metadata = {key: v for key, v in found["metadata"].items() if key != "resourceVersion"}
    metadata["managedFields"] = canonical(metadata["managedFields"])
    spec = copy.deepcopy(found["spec"])
    for empty in ("metadata",):  # the API server keeps no empty map
        spec.get("template", {}).pop(empty, None)
    return {**found, "metadata": metadata, "spec": spec}


def strike(server: Any, memory: dict[str, str] | None = None) -> Strike:
    return Strike(server, "east-cluster", memory or {})


@pytest.mark.parametrize(("found", "field", "value"), CASES, ids=IDS)
def test_a_fix_leaves_no_trace(found: dict[str, Any], field: Field, value: Any) -> None:
    server = Server(found)
    before = essence(server.read())
    memory = fields.remember(strike(server), field)
    fields.put(strike(server), field, value)
    assert fields.is_put(strike(server), field)
    assert essence(server.read()) != before
    fields.give_back(strike(server, memory), field)
    assert not fields.is_put(strike(server), field)
    assert essence(server.read()) == before
    fields.give_back(strike(server, memory), field)
    assert essence(server.read()) == before


OWNED = [case for case in CASES if case[1].owned or not case[1].is_added]
"""Those whose owners are written back by a request of its own."""


@pytest.mark.parametrize(("found", "field", "value"), OWNED)
def test_a_fix_goes_through_while_others_write(
    found: dict[str, Any], field: Field, value: Any
) -> None:
    server = Server(found)
    memory = fields.remember(strike(server), field)
    fields.put(strike(server), field, value)

    def label(other: Server) -> None:
        other.write({"metadata": {"labels": {"mine": str(len(other.meanwhile))}}}, "other")

    server.meanwhile = [label] * fields.TRIES
    with pytest.raises(UserError, match="changed all the time by others"):
        fields.give_back(strike(server, memory), field)
    server.meanwhile = [label, label]
    fields.give_back(strike(server, memory), field)
    managed = server.read()["metadata"]["managedFields"]
    assert MANAGER not in {each["manager"] for each in managed}
    assert server.read()["metadata"]["labels"] == {"mine": "0"}


def test_a_fix_leaves_what_was_set_meanwhile() -> None:
    field = deployments.replicas(WORKLOAD)
    server = Server(deployment(STACKS))
    memory = fields.remember(strike(server), field)
    fields.put(strike(server), field, 0)
    server.write({"spec": {"replicas": 5}}, "kubectl-edit")
    fields.give_back(strike(server, memory), field)
    assert server.read()["spec"]["replicas"] == 5
    managers = [e["manager"] for e in server.read()["metadata"]["managedFields"]]
    assert MANAGER not in managers and "kubectl-edit" in managers


def test_without_a_record_the_stacks_state_tells() -> None:
    found = deployment(entry(STACK, "Apply"))
    found["metadata"]["managedFields"] = [entry(STACK, "Apply", REPLICAS, IMAGE.path)]
    server = Server(found)
    before = essence(server.read())
    fields.put(strike(server), deployments.replicas(WORKLOAD), 0)
    assert fields.remember(strike(server), deployments.replicas(WORKLOAD)) == {}
    with pytest.raises(UserError, match="nobody has written down what Deployment shop had"):
        fields.give_back(strike(server), deployments.replicas(WORKLOAD))
    server.desired = StackObject("east-cluster", found, STACK)
    fields.give_back(strike(server), deployments.replicas(WORKLOAD))
    assert essence(server.read()) == before


@pytest.mark.parametrize(
    ("image", "bad"),
    [
        ("envoy", "envoy"),
        ("docker.io/envoyproxy/envoy:v1", "docker.io/envoyproxy/envoy"),
        ("registry:5000/web", "registry:5000/web"),
        ("registry:5000/web:1@sha256:ab", "registry:5000/web"),
        ("web@sha256:ab", "web"),
        ("web:broken-on-purpose", "web"),
    ],
)
def test_a_spoilt_image_is_of_the_same_repository(image: str, bad: str) -> None:
    assert deployments.spoilt(image) == f"{bad}:broken-on-purpose"
