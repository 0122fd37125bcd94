"""What others changed in the clusters: `up --refresh` sets it back, whatever provider does it."""

from __future__ import annotations

from tests.support.checkout import Checkout

EAST = "east-cluster"
NAMESPACE = ("--namespace", "transaction-service")
WEIGHT = r"jsonpath={.metadata.annotations.gateway\.tetrate\.io/edge-clusters}"


def refreshed(demo: Checkout) -> None:
    demo.demo("pulumi", "up", "--yes", "--skip-preview", "--refresh", "--stack", "west")


def test_an_annotation_patched_by_hand_is_set_back(demo: Checkout) -> None:
    patch = '{"metadata": {"annotations": {"gateway.tetrate.io/edge-clusters": "corp-edge:7"}}}'
    demo.kubectl(EAST, *NAMESPACE, "patch", "service", "web-portal", "--patch", patch)
    refreshed(demo)
    shown = demo.kubectl(EAST, *NAMESPACE, "get", "service", "web-portal", "--output", WEIGHT)
    assert shown == "corp-edge:100"


def test_a_deployment_scaled_by_hand_is_set_back(demo: Checkout) -> None:
    replicas = ("get", "deployment", "web-portal", "--output=jsonpath={.spec.replicas}")
    before = demo.kubectl(EAST, *NAMESPACE, *replicas)
    demo.kubectl(EAST, *NAMESPACE, "scale", "deployment", "web-portal", "--replicas=4")
    refreshed(demo)
    assert demo.kubectl(EAST, *NAMESPACE, *replicas) == before != "4"


def test_a_deleted_object_is_made_again(demo: Checkout) -> None:
    demo.kubectl(EAST, *NAMESPACE, "delete", "service", "web-portal")
    refreshed(demo)
    assert "web-portal" in demo.kubectl(EAST, *NAMESPACE, "get", "services", "--output=name")
    assert demo.preview() == []
