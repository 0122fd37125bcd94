"""Drift of the stack's objects, from an exported state and what the API server says."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from drills import drift, reconcile, stack_objects
from drills.stack import Stack
from drills.stack_objects import REPLICAS, StackObject
from foundation.errors import UserError
from foundation.managed_fields import MANAGER, Path, value_at
from tests.support.managed_fields import STACK, entry, taken

EAST, WEST = "east-cluster", "west-cluster"
IMAGE: Path = ("spec", "template", "spec", "containers", (("name", "web"),), "image")
SECRET_KEY = "4dabf18193072939515e22adb298388d"


def deployment(replicas: int | None = 2) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}},
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": "shop", "name": "shop"},
        "spec": spec,
    }


WANTED = StackObject(EAST, deployment(), STACK)


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


def test_a_missing_object_and_secrets_are_named_without_values() -> None:
    assert drift.missing(WANTED).line == f"{EAST}: Deployment shop/shop: is missing"
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


def resource(kind: str, name: str, **more: Any) -> dict[str, Any]:
    version = {"Deployment": "apps/v1", "HorizontalPodAutoscaler": "autoscaling/v2"}.get(kind, "v1")
    inputs = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "__x": 1}
    return {
        "type": f"kubernetes:{version}:{kind}",
        "id": f"shop/{name}",
        "provider": f"urn:pulumi:west::demo::pulumi:providers:kubernetes::{EAST}::some-id",
        "inputs": {**inputs, **more.pop("inputs", {})},
        "outputs": {"__fieldManager": STACK},
        **more,
    }


def exported(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"version": 3, "deployment": {"resources": list(resources)}}


def test_the_state_tells_what_the_stack_applies() -> None:
    data = {"key": {SECRET_KEY: "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"dGV4dA=="'}}
    found = stack_objects.of_state(
        exported(
            {"type": "pulumi:pulumi:Stack"},
            {"type": "pulumi:providers:kubernetes", "inputs": {"kubeconfig": "x"}},
            resource("Secret", "certs", inputs={"data": data}),
            resource("ConfigMap", "old", delete=True),
            resource("ConfigMap", "read", external=True),
            resource("Deployment", "shop", ignoreChanges=["spec.paused"]),
        )
    )
    assert [(o.cluster, o.identity, o.manager) for o in found] == [
        (EAST, ("", "Secret", "shop", "certs"), STACK),
        (EAST, ("apps", "Deployment", "shop", "shop"), STACK),
    ]
    assert found[0].document["data"] == {"key": "dGV4dA=="}
    assert "__x" not in found[0].document
    assert found[1].ignored == (("spec", "paused"),)


def test_a_field_that_pulumi_ignores_may_have_dots_in_its_name() -> None:
    def ignored(*given: str) -> tuple[Path, ...]:
        containers = [{"name": "a"}, {"name": "web", "image": "1"}]
        spec = {"template": {"spec": {"containers": containers}}}
        shop = resource("Deployment", "shop", inputs={"spec": spec}, ignoreChanges=list(given))
        return stack_objects.of_state(exported(shop))[0].ignored

    above = ("metadata", "annotations")
    assert ignored('metadata.annotations["a.b/c"]') == ((*above, "a.b/c"),)
    assert ignored('metadata["annotations"]["say \\"it\\"[0]"].x') == (
        (*above, 'say "it"[0]', "x"),
    )
    pods = ("spec", "template", "spec", "containers")
    web, other = (("name", "web"),), (("name", "a"),)
    assert ignored("spec.template.spec.containers[1].image") == ((*pods, web, "image"),)
    both = tuple((*pods, key, "image") for key in (other, web))
    assert ignored("spec.template.spec.containers[*].image") == both
    assert ignored("spec.template.*") == (("spec", "template", "spec"),)
    assert ignored("spec.template.spec.containers[7].image") == ()


def test_an_autoscaler_of_the_stack_owns_the_replicas_of_its_target() -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    scaler = resource("HorizontalPodAutoscaler", "any", inputs={"spec": {"scaleTargetRef": target}})
    found = stack_objects.of_state(
        exported(resource("Deployment", "shop"), resource("Deployment", "other"), scaler)
    )
    assert [each.ignored for each in found] == [(REPLICAS,), (), ()]


def test_a_cluster_that_does_not_answer_is_named_and_the_others_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    objects = [WANTED, StackObject(WEST, deployment(), STACK)]
    monkeypatch.setattr(stack_objects, "load", lambda _: objects)
    asked: list[tuple[str, str]] = []

    def kubectl(_: Stack, cluster: str, *arguments: str, **more: Any) -> str:
        asked.append((cluster, arguments[1]))
        if cluster == WEST:
            raise UserError(f"{WEST}: no answer")
        assert arguments[0] == "get"
        return ""

    monkeypatch.setattr(Stack, "kubectl", kubectl)
    found = reconcile.look(stack())
    assert [each.line for each in found.drifts] == [f"{EAST}: Deployment shop/shop: is missing"]
    assert found.silent == {WEST: "no answer"}
    # the one request that kubectl does not repeat
    assert [what for cluster, what in asked if cluster == WEST] == ["--raw=/version"]


def test_an_object_that_is_refused_is_named_and_the_others_are_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = deployment()
    other["metadata"]["name"] = "other"
    monkeypatch.setattr(stack_objects, "load", lambda _: [WANTED, StackObject(EAST, other, STACK)])

    def kubectl(_: Stack, cluster: str, *arguments: str, stdin: str = "", **more: Any) -> str:
        if not stdin:  # whether the cluster answers
            return ""
        items = json.loads(stdin)["items"]
        names = [item["metadata"]["name"] for item in items]
        if arguments[0] == "apply" and "other" in names:
            raise UserError(f"{cluster}: field is immutable")
        for item in items:
            item["metadata"]["managedFields"] = [entry(STACK, "Apply", REPLICAS, IMAGE)]
        return json.dumps(items[0] if len(items) == 1 else {"kind": "List", "items": items})

    monkeypatch.setattr(Stack, "kubectl", kubectl)
    assert [each.line for each in reconcile.look(stack()).drifts] == [
        f"{EAST}: Deployment shop/other: cannot be compared: field is immutable"
    ]


def stack() -> Any:
    return Stack("west", None, None, {EAST: 100, WEST: 100}, "active")  # type: ignore[arg-type]


def test_an_object_that_could_not_be_compared_is_applied_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconcile, "_mend", lambda *_: None)
    monkeypatch.setattr(reconcile, "_wait", lambda *_: None)
    said: list[str] = []
    unknown = drift.Drift(WANTED, problem="cannot be compared: a webhook does not answer")
    assert reconcile.mend(stack(), [unknown], said.append) == []
    assert said == [f"{EAST}: Deployment shop/shop is applied again"]
