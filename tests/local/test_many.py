"""More than two application clusters: three, then five, then three again; two of one region."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from localkube.spec import node_address
from tests.local.test_failover import PORTAL, pods, scale
from tests.support.checkout import Checkout
from tests.support.edge_client import answers_of_gateway
from tests.support.traffic import Answer, Traffic, ask, served
from tests.support.waiting import eventually

STACK = "east"
EAST, EAST2, WEST, WEST2, CENTRAL = (
    f"{name}-cluster" for name in ("east", "east2", "west", "west2", "central")
)
THREE = ((EAST, "us-east1", 50), (EAST2, "us-east1", 30), (WEST, "us-west1", 20))
FIVE = ((WEST2, "us-west1", 60), *THREE, (CENTRAL, "us-central1", 40))
"""The two that come and go are the first and the last: those between them have to stay."""
RATE = 50
SIGMAS = 5


def configure(demo: Checkout, clusters: Sequence[tuple[str, str, int]], mode: str) -> None:
    """Sets clusters and mode, as a user does."""
    demo.set_clusters(clusters)
    demo.demo("pulumi", "config", "set", "lbMode", mode)


@pytest.fixture(scope="module")
def many(copy: Checkout) -> Iterator[dict[str, Any]]:
    """Outputs of a stack with three application clusters, nearest first; down at the end."""
    copy.demo("pulumi", "stack", "select", "--create", STACK)
    try:
        configure(copy, THREE, "locality")
        copy.demo("up", STACK)
        yield copy.outputs(STACK)
    finally:
        copy.demo("destroy", STACK)
        copy.demo("pulumi", "stack", "select", "west", check=False)


def answering(outputs: dict[str, Any], expected: set[str]) -> bool:
    """Whether twenty answers in a row are good, and from these clusters, all of them."""
    return set(served(ask(outputs, 20))) == expected


def by_gateway(demo: Checkout, outputs: dict[str, Any], index: int) -> set[str]:
    """Who answers what the edge sends to one gateway, by its cluster's index."""
    return set(answers_of_gateway(demo, node_address(index), outputs, 10, STACK))


def updated(demo: Checkout, outputs: dict[str, Any]) -> tuple[Traffic, float]:
    """Brings the stack to its settings under traffic; gives that, and when `up` returned."""
    with Traffic(outputs, RATE) as traffic:
        time.sleep(1)  # traffic from before
        demo.demo("up", STACK)
        returned = time.monotonic()
        time.sleep(3)  # traffic after it
    print(traffic.summary())
    return traffic, returned


def assert_shares(answers: Sequence[Answer], weights: Mapping[str, int]) -> None:
    """The answers are spread by weight, as closely as by chance at least."""
    found, whole = served(answers), sum(weights.values())
    assert found.keys() == weights.keys()
    for name, weight in weights.items():
        share, count = weight / whole, len(answers)
        deviation = math.sqrt(count * share * (1 - share))
        assert abs(found[name] - count * share) < SIGMAS * deviation, (name, found)


def test_locality_is_own_pods_then_the_same_region_then_the_next_one(
    copy: Checkout, many: dict[str, Any]
) -> None:
    """At the edge, whose region is us-east1, and at the gateway of east-cluster."""
    with Traffic(many, RATE) as traffic:
        assert answering(many, {EAST, EAST2})
        assert by_gateway(copy, many, 1) == {EAST}
        scale(copy, EAST, PORTAL, 0)
        eventually(lambda: pods(copy, EAST, PORTAL) == 0, "its pods have ended", 60)
        eventually(lambda: answering(many, {EAST2}), f"{EAST2} answers alone")
        assert by_gateway(copy, many, 1) == {EAST2}
        assert by_gateway(copy, many, 3) == {WEST}
        scale(copy, EAST2, PORTAL, 0)
        eventually(lambda: pods(copy, EAST2, PORTAL) == 0, "its pods have ended", 60)
        eventually(lambda: answering(many, {WEST}), f"{WEST} answers alone")
        assert by_gateway(copy, many, 1) == by_gateway(copy, many, 2) == {WEST}
        for cluster in (EAST, EAST2):
            scale(copy, cluster, PORTAL, 2)
        eventually(lambda: answering(many, {EAST, EAST2}), "the edge's region answers", 60)
    print(traffic.summary())
    assert traffic.lost == []


def test_two_more_clusters_come_without_a_loss_and_all_five_get_their_share(
    copy: Checkout, many: dict[str, Any]
) -> None:
    configure(copy, FIVE, "active")
    planned = Counter(operation for operation, _ in copy.preview(STACK))
    assert planned.keys() == {"create", "update"}, "something of the others would be made anew"
    traffic, _ = updated(copy, many)
    assert traffic.lost == []
    with Traffic(many, RATE) as counted:
        time.sleep(8)  # four hundred requests to count
    assert counted.lost == []
    assert_shares(counted.answers, {name: weight for name, _, weight in FIVE})
    assert by_gateway(copy, many, 5) == {CENTRAL}


def test_clusters_go_without_a_loss_and_those_that_stay_answer(
    copy: Checkout, many: dict[str, Any]
) -> None:
    """Back to three, and to standby: east-cluster is this stack's active one."""
    configure(copy, THREE, "standby")
    traffic, returned = updated(copy, many)
    assert traffic.lost == []
    assert set(served(traffic.since(returned))) == {EAST}
    assert copy.outputs(STACK)["edgeWeights"] == {EAST: 50, EAST2: 0, WEST: 0}
    contexts = copy.demo("kubectl", "config", "get-contexts", "--output=name").output.split()
    assert contexts == ["corp-edge", EAST, EAST2, WEST]
