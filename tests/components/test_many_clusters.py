"""Three and more clusters: weights, orders, and what one more of them changes."""

from __future__ import annotations

from collections import Counter

import pytest
import yaml

from tests.components.conftest import Demo, Run


def test_a_third_cluster_gets_all_that_the_others_have(run: Run) -> None:
    clusters = [{"name": n, "region": "us-east1"} for n in ("one", "two", "three")]
    demo = run(clusters=clusters)
    per_cluster = Counter(demo.cluster_of(made) for made in demo.objects)
    assert per_cluster["one"] == per_cluster["two"] == per_cluster["three"] == 12
    assert demo.outputs["edgeWeights"] == {"one": 100, "two": 100, "three": 100}


MANY = [
    {"name": "east-cluster", "region": "us-east1", "weight": 50},
    {"name": "east2-cluster", "region": "us-east1", "weight": 30},
    {"name": "west-cluster", "region": "us-west1", "weight": 20},
    {"name": "west2-cluster", "region": "us-west1"},
    {"name": "central-cluster", "region": "us-central1"},
]


def envoy_clusters(demo: Demo, cluster: str) -> list[dict]:
    """The Envoy clusters that the Envoys of `cluster` know."""
    data = demo.of_type("core/v1:ConfigMap")[f"{cluster}/tetrate-system/gateway-config"]["data"]
    if loaded := data.get("cds.yaml"):
        return list(yaml.safe_load(loaded)["resources"])
    return list(yaml.safe_load(data["envoy.yaml"])["static_resources"]["clusters"])


def envoy_groups(demo: Demo, cluster: str, prefix: str) -> dict[str, tuple[int, int]]:
    """Cluster -> its priority and its share, as the Envoys of `cluster` are told."""
    (found,) = [each for each in envoy_clusters(demo, cluster) if each["name"].startswith(prefix)]
    return {
        group["locality"]["zone"]: (
            group["priority"],
            group["lb_endpoints"][0].get("load_balancing_weight", 1),
        )
        for group in found["load_assignment"]["endpoints"]
    }


@pytest.mark.parametrize("count", [3, 5])
def test_with_many_clusters_the_edge_has_every_weight(run: Run, count: int) -> None:
    weights = {each["name"]: each.get("weight", 100) for each in MANY[:count]}
    demo = run(clusters=MANY[:count])
    assert demo.outputs["edgeWeights"] == weights
    expected = {name: (0, weight) for name, weight in weights.items()}
    assert envoy_groups(demo, "corp-edge", "regions_") == expected
    standby = run(clusters=MANY[:count], lbMode="standby", activeCluster="east2-cluster")
    assert envoy_groups(standby, "corp-edge", "regions_") == {
        name: (0, 30) if name == "east2-cluster" else (1, 1) for name in weights
    }


@pytest.mark.parametrize(
    ("count", "cluster", "expected"),
    [
        (3, "east-cluster", {"east2": 0, "west": 1}),
        (3, "west-cluster", {"east": 0, "east2": 0}),
        (5, "east2-cluster", {"east": 0, "central": 1, "west": 2, "west2": 2}),
        (5, "west-cluster", {"west2": 0, "central": 1, "east": 2, "east2": 2}),
        (5, "central-cluster", {"east": 0, "east2": 0, "west": 1, "west2": 1}),
    ],
)
def test_with_many_clusters_each_gateway_has_its_own_order(
    run: Run, count: int, cluster: str, expected: dict[str, int]
) -> None:
    groups = envoy_groups(run(clusters=MANY[:count]), cluster, "peers_")
    assert {name: at for name, (at, _) in groups.items()} == {
        f"{name}-cluster": at for name, at in expected.items()
    }


@pytest.mark.parametrize(("region", "first"), [("us-east1", "east"), ("us-west1", "west")])
def test_with_many_clusters_locality_begins_in_the_edges_own_region(
    run: Run, region: str, first: str
) -> None:
    demo = run(clusters=MANY, lbMode="locality", edgeRegion=region)
    groups = envoy_groups(demo, "corp-edge", "regions_")
    own = {name for name, (at, _) in groups.items() if at == 0}
    assert own == {f"{first}-cluster", f"{first}2-cluster"}
    assert groups["central-cluster"] == (1, 1)


def test_another_cluster_at_the_end_changes_nothing_of_the_others_but_their_gateways(
    run: Run,
) -> None:
    before, after = (
        {(made.typ, made.name): made.inputs for made in run(clusters=MANY[:count]).made}
        for count in (3, 5)
    )
    assert before.keys() < after.keys()
    changed = {name for (kind, name), inputs in before.items() if inputs != after[kind, name]}
    gateways = {
        f"{n}-cluster/tetrate-system/gateway{part}"
        for n in ("east", "east2", "west")
        for part in ("", "-config")
    }
    edge = {
        "corp-edge",
        "corp-edge/tetrate-system/gateway-config",
        "corp-edge-answer",
        "corp-edge-loaded",
    }
    assert changed == gateways | edge | {"kubeconfig"}
