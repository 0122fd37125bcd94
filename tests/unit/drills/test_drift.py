"""Drift of one object: what the stack applies, compared with what the API server says."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from drills import drift
from drills.stack_objects import MISSING, REPLICAS, StackObject
from foundation.managed_fields import MANAGER, Path, value_at
from tests.support.drifts import IMAGE, WANTED, deployment
from tests.support.drill_stack import EAST
from tests.support.managed_fields import STACK, entry, taken


def live(change: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
    """What the cluster holds, unchanged or changed."""
    found = deployment()
    found["metadata"]["managedFields"] = [entry(STACK, "Apply", REPLICAS, IMAGE)]
    found["status"] = {"readyReplicas": 2}
    if change:
        change(found)
    return found


def compared(found: dict[str, Any], wanted: StackObject = WANTED) -> str:
    """What is said of an object, if an apply sets what the stack names and leaves the rest."""
    applied = copy.deepcopy(found)
    sent = drift.to_apply(wanted, found)
    managed = [e for e in applied["metadata"]["managedFields"] if e["manager"] != STACK]
    own = []
    for path in (REPLICAS, IMAGE):
        if (value := value_at(sent, path)) is not None:
            if path == REPLICAS:
                applied["spec"]["replicas"] = value
            else:
                applied["spec"]["template"]["spec"]["containers"][0]["image"] = value
            managed = taken(managed, path, "thrown-away")
            own.append(path)
    managed = [each for each in managed if each["manager"] != "thrown-away"]
    applied["metadata"] = {
        **applied["metadata"],
        "resourceVersion": "9",
        "managedFields": [*managed, entry(STACK, "Apply", *own)],
    }
    applied["status"] = {}
    result = drift.compare(wanted, found, applied)
    return "" if result is None else result.line.removeprefix(f"{EAST}: Deployment shop/shop: ")


def set_by(manager: str, path: Path, value: Any, subresource: str = "") -> dict[str, Any]:
    """An object in which `manager` has set one field."""

    def change(found: dict[str, Any]) -> None:
        parent = found
        for key in path[:-1]:
            parent = parent.setdefault(key, {})
        parent[path[-1]] = value
        managed = taken(found["metadata"]["managedFields"], path, manager)
        for each in managed:
            if each["manager"] == manager and subresource:
                each["subresource"] = subresource
        found["metadata"]["managedFields"] = managed

    return live(change)


def test_what_is_as_applied_does_not_drift() -> None:
    assert compared(live()) == ""


def test_a_changed_value_is_named_with_whoever_set_it() -> None:
    said = "spec.replicas is 3, set by kubectl-patch, the stack's is 2"
    assert compared(set_by("kubectl-patch", REPLICAS, 3)) == said
    assert compared(set_by("kubectl", REPLICAS, 0, "scale")) == (
        "spec.replicas is 0, set by kubectl, the stack's is 2"
    )


def test_what_kubectl_has_added_is_named_and_what_controllers_have_is_not() -> None:
    note: Path = ("metadata", "annotations", "kubectl.kubernetes.io/restartedAt")
    assert compared(set_by("kubectl-rollout", note, "now")) == (
        "metadata.annotations[kubectl.kubernetes.io/restartedAt] is now, set by kubectl-rollout,"
        " the stack's is not there"
    )
    assert compared(set_by("kube-controller-manager", note, "now")) == ""
    assert compared(set_by("kubectl-edit", ("status", "x"), 1, "status")) == ""


def test_what_a_drill_has_set_is_its_fix_to_mend() -> None:
    assert compared(set_by(MANAGER, REPLICAS, 0)) == ""


@pytest.mark.parametrize("wanted", [WANTED, StackObject(EAST, deployment(), STACK, (REPLICAS,))])
def test_replicas_that_an_autoscaler_sets_are_left_to_it(wanted: StackObject) -> None:
    found = set_by("kube-controller-manager", REPLICAS, 7, "scale")
    assert compared(found, wanted) == ""
    assert "replicas" not in drift.to_apply(wanted, found)["spec"]
    assert drift.to_apply(wanted, None)["spec"]["replicas"] == 2


def test_replicas_that_the_stack_owns_beside_an_autoscaler_are_sent_as_they_are() -> None:
    wanted = StackObject(EAST, deployment(), STACK, (REPLICAS,))
    found = live()
    found["spec"]["replicas"] = 4
    assert drift.to_apply(wanted, found)["spec"]["replicas"] == 4
    assert wanted.document["spec"]["replicas"] == 2
    assert compared(found, wanted) == ""


@pytest.mark.parametrize(("given", "begun"), [(2, 2), (None, 1), (0, 0)])
def test_no_replicas_are_mended_where_the_autoscaler_would_never_begin(
    given: int | None, begun: int
) -> None:
    wanted = StackObject(EAST, deployment(given), STACK, (REPLICAS,))
    by_hand = set_by("kubectl", REPLICAS, 0, "scale")
    taken_over = set_by(STACK, REPLICAS, 0)  # as `heal-all` makes what kubectl holds
    for found in (by_hand, taken_over):
        assert drift.to_apply(wanted, found)["spec"]["replicas"] == begun
    if begun:
        said = f"spec.replicas is 0, set by kubectl, the stack's is {begun}"
        assert compared(by_hand, wanted) == said
    scaler = set_by("keda-operator", REPLICAS, 0, "scale")
    assert compared(scaler, wanted) == "", "it scales to none, and up again"


def test_a_missing_object_and_secrets_are_named_without_values() -> None:
    assert drift.Drift(WANTED, problem=MISSING).line == f"{EAST}: Deployment shop/shop: is missing"
    metadata = {"name": "certs", "namespace": "shop", "labels": {}}
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    changes = (
        drift.Change(("data", "tls.key"), "c2VjcmV0", "b3RoZXI="),
        drift.Change(("metadata", "labels", "mine"), "1", None),
    )
    line = drift.Drift(StackObject(EAST, document, STACK), changes).line
    assert line == (
        f"{EAST}: Secret shop/certs: data[tls.key] is (secret), the stack's is (secret);"
        " metadata.labels.mine is 1, the stack's is not there"
    )


def test_lists_are_compared_item_by_item_where_items_have_names() -> None:
    one = {"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b"}], "args": [1]}}
    other = {"spec": {"containers": [{"name": "b"}, {"name": "a", "image": "2"}], "args": [1, 2]}}
    found = {drift.written(path): (x, y) for path, x, y in drift.differences(one, other)}
    assert found == {"spec.containers[a].image": ("1", "2"), "spec.args": ([1], [1, 2])}


@pytest.mark.parametrize("given", [{}, {"spec": {}}])
def test_a_custom_object_gets_no_replicas_that_its_document_does_not_say(
    given: dict[str, Any],
) -> None:
    document = {"apiVersion": "x.example/v1", "kind": "Farm", "metadata": {"name": "a"}, **given}
    found = {**document, "spec": {"replicas": 0}}
    assert drift.to_apply(StackObject(EAST, document, STACK), found) == document
