"""What others changed in the clusters: `up --refresh` sets it back, whatever provider does it."""

from __future__ import annotations

from tests.support.checkout import Checkout

EAST, WEST = "east-cluster", "west-cluster"
NAMESPACE = ("--namespace", "transaction-service")
WEIGHT = r"jsonpath={.metadata.annotations.gateway\.tetrate\.io/edge-clusters}"
REPLICAS = ("get", "deployment", "web-portal", "--output=jsonpath={.spec.replicas}")


def test_what_was_patched_scaled_and_deleted_by_hand_is_set_back(demo: Checkout) -> None:
    before = demo.kubectl(EAST, *NAMESPACE, *REPLICAS)
    patch = '{"metadata": {"annotations": {"gateway.tetrate.io/edge-clusters": "corp-edge:7"}}}'
    demo.kubectl(EAST, *NAMESPACE, "patch", "service", "web-portal", "--patch", patch)
    demo.kubectl(EAST, *NAMESPACE, "scale", "deployment", "web-portal", "--replicas=4")
    demo.kubectl(WEST, *NAMESPACE, "delete", "service", "web-portal")
    demo.demo("pulumi", "up", "--yes", "--skip-preview", "--refresh", "--stack", "west")
    shown = demo.kubectl(EAST, *NAMESPACE, "get", "service", "web-portal", "--output", WEIGHT)
    assert shown == "corp-edge:100"
    assert demo.kubectl(EAST, *NAMESPACE, *REPLICAS) == before != "4"
    assert "web-portal" in demo.kubectl(WEST, *NAMESPACE, "get", "services", "--output=name")
    assert demo.preview() == []
