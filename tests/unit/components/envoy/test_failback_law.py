"""How the edge takes gateways back, for any profile, mode and number of clusters."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from components.envoy.common import own_health_host
from components.envoy.edge_clusters import EdgeConfig
from components.envoy.edge_config import edge_bootstrap
from components.envoy.health import INTERVAL_SECONDS
from components.routing.failback import Failback
from components.routing.targets import ApplicationCluster, LbMode, edge_targets, edge_weights
from tests.support.envoy_lab import portal_route, shipped_profile

ROUTE = portal_route()
TIMES = st.integers(1, 300).map(float)
FEW = settings(max_examples=25, deadline=None)
"""A whole configuration is rendered for each."""


@st.composite
def edges(draw: st.DrawFn, *ways: Failback) -> EdgeConfig:
    """An edge with two to five clusters."""
    count = draw(st.integers(2, 5))
    clusters = [ApplicationCluster(f"c{n}", f"region-{n}") for n in range(count)]
    mode = draw(st.sampled_from(list(LbMode)))
    addresses = {cluster.name: f"10.0.0.{n}" for n, cluster in enumerate(clusters)}
    weights = edge_weights(mode, clusters, "c1")
    base = draw(TIMES)
    rules = replace(
        shipped_profile().outlier_detection,
        base_ejection_time=base,
        max_ejection_time=base + draw(TIMES),
    )
    profile = replace(shipped_profile(), outlier_detection=rules, failback_ramp=draw(TIMES))
    return EdgeConfig(
        routes=(ROUTE,),
        targets=tuple(edge_targets(weights, clusters, addresses, "region-0")),
        profile=profile,
        failback=draw(st.sampled_from(ways)),
        failback_trigger=draw(st.text(max_size=5)),
    )


def clusters(config: EdgeConfig) -> dict[str, dict[str, Any]]:
    found = edge_bootstrap(config)["static_resources"]["clusters"]
    return {cluster["name"]: cluster for cluster in found}


def actions(config: EdgeConfig) -> list[dict[str, Any]]:
    """What the routes of the edge that forward do."""
    chains = edge_bootstrap(config)["static_resources"]["listeners"][0]["filter_chains"]
    hosts = chains[0]["filters"][0]["typed_config"]["route_config"]["virtual_hosts"]
    return [entry["route"] for host in hosts for entry in host["routes"] if "route" in entry]


def named(action: dict[str, Any]) -> dict[str, int]:
    """The Envoy clusters of a route, and the percent that each gets."""
    if "cluster" in action:
        return {action["cluster"]: 100}
    return {each["name"]: each["weight"] for each in action["weighted_clusters"]["clusters"]}


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


@FEW
@given(edges(Failback.RAMPED, Failback.MANUAL))
def test_whatever_is_held_back_serves_when_nothing_else_does(config: EdgeConfig) -> None:
    known = clusters(config)
    assert actions(config)
    for action in actions(config):
        shares = named(action)
        assert sum(shares.values()) == 100
        for name in shares:
            step, plain = known[name]["cluster_type"]["typed_config"]["clusters"]
            endpoints = known[plain]["load_assignment"]["endpoints"]
            assert len(endpoints) == len(config.targets)
            assert known[step]["load_assignment"]["endpoints"] == endpoints
            assert known[plain]["health_checks"][0]["healthy_threshold"] == 2
            # the route's own cluster counts the retries
            assert known[name]["circuit_breakers"] == known[plain]["circuit_breakers"]


@FEW
@given(edges(Failback.RAMPED), st.integers(1, 50))
def test_each_step_of_a_ramp_returns_later_than_the_one_before_however_often_it_fails(
    config: EdgeConfig, ejections: int
) -> None:
    known = clusters(config)
    pause = config.profile.failback_ramp / (len(config.steps) - 1)

    def away(cluster: dict[str, Any]) -> float:
        """Seconds of the n-th ejection, as Envoy counts them."""
        rules = cluster["outlier_detection"]
        return min(
            ejections * seconds(rules["base_ejection_time"]), seconds(rules["max_ejection_time"])
        )

    for role in ("regions", "patient"):
        found = [
            known[f"{role}-{n}_transaction-service_web-portal"] for n in range(len(config.steps))
        ]
        for before, after in pairwise(found):
            assert away(after) - away(before) >= pause - 0.001
        for step, cluster in zip(config.steps, found, strict=True):
            assert step.later is not None
            checks = cluster["health_checks"][0]["healthy_threshold"]
            assert (checks - 2) * INTERVAL_SECONDS >= step.later


@FEW
@given(edges(Failback.RAMPED, Failback.MANUAL))
def test_a_step_asks_a_gateway_for_its_own_pods(config: EdgeConfig) -> None:
    for name, cluster in clusters(config).items():
        if "load_assignment" in cluster and name.partition("_")[0] not in ("regions", "patient"):
            host = cluster["health_checks"][0]["http_health_check"]["host"]
            assert host == own_health_host(ROUTE)


@FEW
@given(edges(Failback.MANUAL), st.text(max_size=5))
def test_a_new_trigger_replaces_the_clusters_that_wait_and_no_other(
    config: EdgeConfig, trigger: str
) -> None:
    before, after = clusters(config), clusters(replace(config, failback_trigger=trigger))
    changed = {name for name in before if before[name] != after[name]}
    waiting = {name for name in before if "-0_" in name}
    assert changed == (waiting if trigger != config.failback_trigger else set())


@FEW
@given(edges(*Failback), edges(*Failback))
def test_the_routes_of_one_update_find_the_clusters_of_the_other(
    before: EdgeConfig, after: EdgeConfig
) -> None:
    """Envoy loads them one after the other, and which comes first is chance."""
    before_it, after_it = clusters(before), clusters(after)
    for action in actions(before):
        assert named(action).keys() <= after_it.keys()
    for action in actions(after):
        assert named(action).keys() <= before_it.keys()


@FEW
@given(edges(Failback.AT_ONCE))
def test_at_once_requests_go_by_what_is_well_at_the_moment(config: EdgeConfig) -> None:
    checked = {name for name, cluster in clusters(config).items() if "health_checks" in cluster}
    assert {name.partition("_")[0] for name in checked} == {"regions", "patient"}
    for action in actions(config):
        assert named(action).keys() <= checked


def test_a_single_cluster_has_nobody_to_fail_over_to() -> None:
    only = edge_targets({"c": 100}, [ApplicationCluster("c", "r")], {"c": "10.0.0.1"}, "r")
    config = EdgeConfig((ROUTE,), tuple(only), shipped_profile(), failback=Failback.MANUAL)
    assert config.steps == ()
    assert all("-joined_" not in name for action in actions(config) for name in named(action))
