"""What a preview says of fields that kubectl's commands have set."""

from __future__ import annotations

from typing import Any

from components.clusters.kubectl_fields import lines
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
