"""What a stack applies, read from its exported state."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from drills import pulumi_command, stack_objects
from drills.stack_objects import REPLICAS
from foundation import selection
from foundation.managed_fields import Path
from tests.support.drill_stack import EAST
from tests.support.managed_fields import STACK

SECRET_KEY = "4dabf18193072939515e22adb298388d"


def resource(kind: str, name: str, **more: Any) -> dict[str, Any]:
    version = {"Deployment": "apps/v1", "HorizontalPodAutoscaler": "autoscaling/v2"}.get(kind, "v1")
    inputs = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "__x": 1}
    return {
        "type": f"kubernetes:{version}:{kind}",
        "urn": f"urn:pulumi:west::demo::kubernetes:{version}:{kind}::{EAST}/shop/{name}",
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
    assert found[1].urn.endswith("::kubernetes:apps/v1:Deployment::east-cluster/shop/shop")
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


def test_without_secrets_the_file_of_the_state_is_read_and_pulumi_asked_where_it_cannot_be(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = exported(resource("ConfigMap", "theirs"))
    monkeypatch.setattr(pulumi_command, "output", lambda *_, **__: json.dumps(state))
    file = tmp_path / "west.json"
    monkeypatch.setattr(selection, "own_state", lambda env, stack: file)

    def names(secrets: bool = False) -> list[str]:
        return [each.identity[3] for each in stack_objects.load("west", secrets=secrets)]

    assert names() == ["theirs"]
    file.write_text(
        json.dumps({"checkpoint": {"latest": {"resources": [resource("ConfigMap", "own")]}}})
    )
    assert (names(), names(secrets=True)) == (["own"], ["theirs"])
    file.write_text("{")
    assert names() == ["theirs"]
    monkeypatch.setattr(selection, "own_state", lambda env, stack: None)
    assert names() == ["theirs"]
