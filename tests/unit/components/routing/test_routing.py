"""Weights, priorities and distances."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as some

from components.routing.regions import region_order, unplaced
from components.routing.targets import (
    PEERS,
    ApplicationCluster,
    LbMode,
    RoutingError,
    Target,
    edge_priorities,
    edge_targets,
    edge_weights,
    gateway_targets,
    passing_on_to,
)

EAST = ApplicationCluster("east-cluster", "us-east1")
WEST = ApplicationCluster("west-cluster", "us-west1")
BOTH = [EAST, WEST]
ADDRESSES = {"east-cluster": "10.89.0.27", "west-cluster": "10.89.0.43"}


def priorities(targets: list[Target]) -> dict[str, int]:
    return {target.cluster: target.priority for target in targets}


def test_active_gives_each_cluster_its_own_weight() -> None:
    third = ApplicationCluster("south-cluster", "us-south1", 50)
    assert edge_weights(LbMode.ACTIVE, [*BOTH, third], "") == {
        "east-cluster": 100,
        "west-cluster": 100,
        "south-cluster": 50,
    }


@pytest.mark.parametrize(
    ("active", "weights"),
    [
        ("west-cluster", {"east-cluster": 0, "west-cluster": 100}),
        ("east-cluster", {"east-cluster": 100, "west-cluster": 0}),
    ],
)
def test_standby_leaves_the_weight_to_the_active_cluster_only(
    active: str, weights: dict[str, int]
) -> None:
    assert edge_weights(LbMode.STANDBY, BOTH, active) == weights


def test_locality_gives_no_weights() -> None:
    assert edge_weights(LbMode.LOCALITY, BOTH, "") == {"east-cluster": None, "west-cluster": None}


@pytest.mark.parametrize(
    ("mode", "clusters", "active", "text"),
    [
        (LbMode.ACTIVE, [], "", "no application cluster"),
        (LbMode.ACTIVE, [EAST, EAST], "", "two application clusters are called 'east-cluster'"),
        (LbMode.ACTIVE, [ApplicationCluster("a", "r", -1)], "", "'a' has the weight -1"),
        (LbMode.ACTIVE, [ApplicationCluster("a", "r", 0)], "", "would have the weight 0"),
        (LbMode.STANDBY, BOTH, "north-cluster", "'north-cluster' is none of"),
        (
            LbMode.STANDBY,
            [ApplicationCluster("a", "r", 0), EAST],
            "a",
            "give a a weight above 0",
        ),
    ],
)
def test_weights_that_nobody_could_serve_are_refused(
    mode: LbMode, clusters: list[ApplicationCluster], active: str, text: str
) -> None:
    with pytest.raises(RoutingError, match=text):
        edge_weights(mode, clusters, active)


def test_clusters_with_a_weight_share_the_first_priority() -> None:
    targets = edge_targets({"east-cluster": 30, "west-cluster": 70}, BOTH, ADDRESSES, "us-east1")
    assert targets == [
        Target("east-cluster", "10.89.0.27", 15443, 0, 30, "us-east1"),
        Target("west-cluster", "10.89.0.43", 15443, 0, 70, "us-west1"),
    ]


MANY = [
    ApplicationCluster("east-cluster", "us-east1", 50),
    ApplicationCluster("east2-cluster", "us-east1", 30),
    ApplicationCluster("west-cluster", "us-west1", 20),
    ApplicationCluster("west2-cluster", "us-west1", 0),
    ApplicationCluster("central-cluster", "us-central1", 10),
]
PLACES = {cluster.name: cluster.name for cluster in MANY}


@pytest.mark.parametrize(
    ("mode", "expected", "shares"),
    [
        (LbMode.ACTIVE, (0, 0, 0, 1, 0), (50, 30, 20, 1, 10)),
        (LbMode.STANDBY, (1, 0, 1, 1, 1), (1, 30, 1, 1, 1)),
        (LbMode.LOCALITY, (0, 0, 2, 2, 1), (1, 1, 1, 1, 1)),
    ],
)
def test_the_edge_knows_the_priority_and_the_share_of_each_of_five_clusters(
    mode: LbMode, expected: tuple[int, ...], shares: tuple[int, ...]
) -> None:
    weights = edge_weights(mode, MANY, "east2-cluster")
    targets = edge_targets(weights, MANY, PLACES, "us-east1")
    assert tuple(priorities(targets)[cluster.name] for cluster in MANY) == expected
    assert tuple(target.weight for target in targets) == shares


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ("east-cluster", {"east2": 0, "central": 1, "west": 2, "west2": 2}),
        ("west2-cluster", {"west": 0, "central": 1, "east": 2, "east2": 2}),
        ("central-cluster", {"east": 0, "east2": 0, "west": 1, "west2": 1}),
    ],
)
def test_each_of_five_gateways_knows_its_own_region_then_the_next_ones(
    cluster: str, expected: dict[str, int]
) -> None:
    peers = gateway_targets(cluster, MANY, PLACES)
    assert priorities(peers) == {f"{name}-cluster": at for name, at in expected.items()}


def test_weight_zero_is_a_standby_in_the_second_priority() -> None:
    targets = edge_targets({"east-cluster": 0, "west-cluster": 100}, BOTH, ADDRESSES, "us-east1")
    assert priorities(targets) == {"east-cluster": 1, "west-cluster": 0}
    assert all(target.weight >= 1 for target in targets)


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("us-east1", {"east-cluster": 0, "west-cluster": 1}),
        ("us-west1", {"east-cluster": 1, "west-cluster": 0}),
        ("us-west4", {"east-cluster": 1, "west-cluster": 0}),
        ("europe-west1", {"east-cluster": 0, "west-cluster": 1}),
        ("somewhere", {"east-cluster": 0, "west-cluster": 1}),
    ],
)
def test_without_weights_the_nearest_region_comes_first(
    region: str, expected: dict[str, int]
) -> None:
    weights = {"east-cluster": None, "west-cluster": None}
    assert priorities(edge_targets(weights, BOTH, ADDRESSES, region)) == expected


def test_clusters_of_one_region_share_a_priority() -> None:
    twin = ApplicationCluster("east-two", "us-east1")
    weights = dict.fromkeys(["east-cluster", "west-cluster", "east-two"])
    targets = edge_targets(weights, [*BOTH, twin], {**ADDRESSES, "east-two": "x"}, "us-east1")
    assert priorities(targets) == {"east-cluster": 0, "west-cluster": 1, "east-two": 0}
    assert edge_priorities(weights, [*BOTH, twin], "us-east1")[0] == ["east-cluster", "east-two"]


@pytest.mark.parametrize(
    ("weights", "addresses", "text"),
    [
        ({"east-cluster": 1, "west-cluster": None}, ADDRESSES, "only some clusters"),
        ({"east-cluster": 0, "west-cluster": 0}, ADDRESSES, "every cluster has the edge weight 0"),
        ({"east-cluster": 1, "west-cluster": 1}, {"east-cluster": "x"}, "west-cluster"),
    ],
)
def test_targets_that_make_no_sense_are_refused(
    weights: dict[str, int | None], addresses: dict[str, str], text: str
) -> None:
    with pytest.raises(RoutingError, match=text):
        edge_targets(weights, BOTH, addresses, "us-east1")


def test_a_gateway_goes_to_its_own_region_first_and_has_no_gap_in_its_priorities() -> None:
    clusters = [
        WEST,
        EAST,
        ApplicationCluster("east-two", "us-east1"),
        ApplicationCluster("central", "us-central1"),
        ApplicationCluster("mars", "mars-1"),
    ]
    addresses = {cluster.name: cluster.name for cluster in clusters}
    peers = gateway_targets("east-cluster", clusters, addresses)
    assert priorities(peers) == {"east-two": 0, "central": 1, "west-cluster": 2, "mars": 3}
    assert {peer.port for peer in peers} == {15444}


@given(some.lists(some.sampled_from(["us-east1", "us-west1", "mars-1"]), min_size=1, max_size=13))
def test_a_gateway_has_a_few_peers_whose_number_does_not_grow(regions: list[str]) -> None:
    clusters = [ApplicationCluster(f"c{n}", region) for n, region in enumerate(regions)]
    addresses = {cluster.name: cluster.name for cluster in clusters}
    found = {c.name: gateway_targets(c.name, clusters, addresses) for c in clusters}
    for own in clusters:
        peers = found[own.name]
        assert own.name not in priorities(peers)
        assert len(peers) == min(PEERS, len(clusters) - 1)
        others = {c.region for c in clusters if c is not own}
        assert {peer.region for peer in peers} == others  # a lost region leaves another one
        known = sorted({peer.priority for peer in peers})
        assert known == list(range(len(known)))
        if own.region in others:
            assert {p.region for p in peers if p.priority == 0} == {own.region}


@given(some.lists(some.sampled_from(["us-east1", "us-west1", "mars-1"]), min_size=1, max_size=13))
def test_a_gateway_is_told_who_passes_on_to_it(regions: list[str]) -> None:
    clusters = [ApplicationCluster(f"c{n}", region) for n, region in enumerate(regions)]
    addresses = {cluster.name: cluster.name for cluster in clusters}
    sent = {
        (own.name, peer.cluster)
        for own in clusters
        for peer in gateway_targets(own.name, clusters, addresses)
    }
    taken = {(other, own.name) for own in clusters for other in passing_on_to(own.name, clusters)}
    assert taken == sent


def test_thirteen_gateways_are_each_peers_of_as_many() -> None:
    clusters = [ApplicationCluster(f"c{n}", ("us-east1", "us-west1")[n % 2]) for n in range(13)]
    addresses = {cluster.name: cluster.name for cluster in clusters}
    asked = Counter(
        p.cluster for c in clusters for p in gateway_targets(c.name, clusters, addresses)
    )
    assert set(asked.values()) <= {3, 4, 5}


def test_a_gateway_alone_in_the_world_has_no_peers() -> None:
    assert gateway_targets("east-cluster", [EAST], {}) == []


def test_a_peer_in_another_region_follows_the_own_pods_directly() -> None:
    assert priorities(gateway_targets("east-cluster", BOTH, ADDRESSES)) == {"west-cluster": 0}


def test_an_unknown_cluster_has_no_gateway() -> None:
    with pytest.raises(RoutingError, match="'north' is none of"):
        gateway_targets("north", BOTH, ADDRESSES)


def test_unknown_regions_come_last_those_of_the_same_name_first_and_keep_their_order() -> None:
    regions = ["z-1", "us-two", "a-1", "us-one", "us-west1", "us-east4", "us-east1"]
    assert region_order("us-east1", regions) == [
        "us-east1",
        "us-east4",
        "us-west1",
        "us-two",
        "us-one",
        "z-1",
        "a-1",
    ]


def test_a_region_is_near_to_its_neighbours() -> None:
    assert region_order("europe-west3", ["us-central1", "asia-northeast1", "europe-west9"]) == [
        "europe-west9",
        "us-central1",
        "asia-northeast1",
    ]


def test_a_region_of_no_known_place_is_named_where_that_decides_something() -> None:
    assert unplaced(["us-east1", "z-1", "us-west1", "z-1"]) == ["z-1"]
    assert unplaced(["us-east1", "z-1"]) == [], "there is one other region, and it is the next"
    assert unplaced(["us-east1", "us-west1", "europe-west9", "ap-east-1"]) == []
