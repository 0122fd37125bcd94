"""What a preview says of fields that kubectl's commands have set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components import kubectl
from components.clusters import kubectl_fields
from components.clusters.kubectl_fields import lines
from foundation.commands import Failed
from tests.support.managed_fields import STACK, entry

NOTE = ("spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt")


def deployment(*managed: dict[str, Any]) -> dict[str, Any]:
    metadata = {"namespace": "shop", "name": "shop", "managedFields": list(managed)}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}


def test_what_kubectl_has_set_is_named_with_its_command() -> None:
    (line,) = lines(
        "east-cluster",
        [
            deployment(
                entry(STACK, "Apply", ("spec", "replicas")),
                entry("kubectl-rollout", "Update", NOTE),
                entry("kubectl", "Update", ("spec", "replicas"), subresource="scale"),
            )
        ],
    )
    assert line.startswith("east-cluster: Deployment shop in namespace shop has spec.template.")
    assert (
        "[kubectl.kubernetes.io/restartedAt] by kubectl-rollout, spec.replicas by kubectl" in line
    )
    assert "./demo task heal-all" in line


def test_what_the_stack_and_controllers_have_set_is_not_named() -> None:
    others = [
        entry(STACK, "Apply", ("spec", "replicas")),
        entry("kube-controller-manager", "Update", ("spec", "replicas"), subresource="scale"),
    ]
    assert not list(lines("east-cluster", [deployment(*others), deployment()]))


SHOP = deployment(entry("kubectl-rollout", "Update", NOTE))
CART = {"apiVersion": "shop.example.com/v1", "kind": "Cart", "metadata": {"name": "mine"}}
UNKNOWN = 'error: no matches for kind "Cart" in version\nensure CRDs are installed first'


def test_a_kind_that_is_new_hides_nothing_of_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[list[str]] = []

    def run(*_: object, given: str, requests: int) -> str:
        asked.append([each["kind"] for each in json.loads(given)["items"]])
        assert requests == len(asked[-1]), "kubectl sends one request an object"
        if "Cart" in asked[-1]:
            raise Failed("ensure CRDs are installed first", UNKNOWN)
        return json.dumps(SHOP)

    warned: list[str] = []
    monkeypatch.setattr(kubectl, "run", run)
    monkeypatch.setattr(kubectl_fields.pulumi.log, "warn", warned.append)
    file = tmp_path / "kubeconfig"
    file.touch()
    kubectl_fields.warn(file, {"east-cluster": [SHOP, CART]})
    assert asked == [["Deployment", "Cart"], ["Deployment"]]
    (line,) = warned
    assert line.startswith("east-cluster: Deployment shop in namespace shop has spec.template.")


def test_a_cluster_that_does_not_answer_is_asked_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def run(*_: object, **__: object) -> str:
        asked.append(1)
        raise Failed("connection refused", "connection refused")

    monkeypatch.setattr(kubectl, "run", run)
    assert kubectl_fields._look(tmp_path, "east-cluster", [SHOP, CART]) == []
    assert asked == [1]
