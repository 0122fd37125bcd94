"""Which hosts a request may go to, how they are spoken to and how they are checked."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from components.envoy.edge_config import edge_bootstrap
from components.envoy.gateway_config import gateway_bootstrap
from components.routing.targets import ApplicationCluster, LbMode
from components.routing.transport import Protocol, Transport
from tests.support.envoy_lab import CLUSTERS
from tests.support.rendered import PORTAL, SOUTH, edge, gateway, gateway_of, nodes


def test_only_priorities_and_weights_differ_between_the_modes() -> None:
    def without_endpoints(mode: LbMode) -> str:
        document = edge_bootstrap(edge(mode))
        for cluster in document["static_resources"]["clusters"]:
            for group in cluster.get("load_assignment", {"endpoints": []})["endpoints"]:
                del group["priority"], group["lb_endpoints"][0]["load_balancing_weight"]
        return json.dumps(document)

    assert len({without_endpoints(mode) for mode in LbMode}) == 1


def test_a_standby_gets_nothing_while_one_cluster_with_a_weight_is_healthy() -> None:
    cluster = edge_bootstrap(edge(clusters=[*CLUSTERS, SOUTH]))["static_resources"]["clusters"][0]
    first = [g for g in cluster["load_assignment"]["endpoints"] if g["priority"] == 0]
    # Envoy keeps all load in a priority while its healthy share times the factor is 100 or more.
    assert cluster["load_assignment"]["policy"]["overprovisioning_factor"] / len(first) >= 100


def test_a_gateways_traffic_stays_in_its_region_while_one_peer_there_is_healthy() -> None:
    twins = [ApplicationCluster(f"east{n}-cluster", "us-east1") for n in range(2, 5)]
    clusters = [*CLUSTERS, *twins]
    config = gateway_of("east-cluster", clusters, {c.name: "10.0.0.1" for c in clusters})
    _, cluster, _ = gateway_bootstrap(config)["static_resources"]["clusters"]
    groups = cluster["load_assignment"]["endpoints"]
    nearest = [group for group in groups if group["priority"] == 0]
    assert {group["locality"]["zone"] for group in nearest} == {twin.name for twin in twins}
    assert cluster["load_assignment"]["policy"]["overprovisioning_factor"] / len(nearest) >= 100


@pytest.mark.parametrize(
    ("protocol", "speaks"),
    [
        (Protocol.HTTP1, "http_protocol_options"),
        (Protocol.HTTPS, "http_protocol_options"),
        (Protocol.HTTP2, "http2_protocol_options"),
        (Protocol.GRPC, "http2_protocol_options"),
    ],
)
def test_pods_are_spoken_to_as_their_port_says(protocol: Protocol, speaks: str) -> None:
    told = replace(PORTAL, transport=Transport(protocol))
    document = gateway_bootstrap(replace(gateway(), routes=(told,)))
    own, peers, both = document["static_resources"]["clusters"]
    assert both["cluster_type"]["typed_config"]["clusters"] == [own["name"], peers["name"]]
    for cluster in own, peers:
        (options,) = cluster["typed_extension_protocol_options"].values()
        assert list(options["explicit_http_config"]) == [speaks]
    assert ("transport_socket" in own) is (protocol is Protocol.HTTPS)


def test_what_waits_longer_for_a_gateway_goes_the_same_ways_as_all_else() -> None:
    def ways(cluster: dict[str, Any]) -> Any:
        return {**cluster["load_assignment"], "cluster_name": None}

    for mode in LbMode:
        known = edge_bootstrap(edge(mode))["static_resources"]["clusters"]
        again, once = (each for each in known if "load_assignment" in each)
        assert ways(again) == ways(once)
        assert again["transport_socket_matches"] == once["transport_socket_matches"]
        quick, patient = (next(nodes(each, "connection_keepalive")) for each in (again, once))
        for key in ("interval", "timeout"):
            assert float(quick[key].rstrip("s")) < float(patient[key].rstrip("s"))


@pytest.mark.parametrize("protocol", Protocol)
def test_pods_are_not_pinged_whatever_they_speak(protocol: Protocol) -> None:
    route = replace(PORTAL, transport=Transport(protocol))
    document = gateway_bootstrap(gateway((route,)))
    assert not list(nodes(document, "connection_keepalive"))


def test_a_gateway_checks_each_pod_once_and_its_peers_now_and_then() -> None:
    document = gateway_bootstrap(gateway())["static_resources"]
    checks = {each["name"]: each.get("health_checks", []) for each in document["clusters"]}
    (pods,), (peers,), none = checks.values()
    assert not none, "what fails over from the one to the other has no hosts of its own"
    assert_rarer_while_healthy(peers, pods)


def assert_rarer_while_healthy(rare: dict[str, Any], often: dict[str, Any]) -> None:
    for key in ("interval", "no_traffic_healthy_interval"):
        assert float(rare[key].rstrip("s")) >= 4 * float(often[key].rstrip("s"))
    for key in ("unhealthy_interval", "no_traffic_interval"):
        assert rare[key] == often[key], "a host comes back as soon as any"


def test_one_cluster_of_the_edge_meets_new_connections_and_the_other_checks_rarely() -> None:
    for mode in LbMode:
        known = edge_bootstrap(edge(mode))["static_resources"]["clusters"]
        quick, patient = (each["health_checks"][0] for each in known if "health_checks" in each)
        assert_rarer_while_healthy(patient, quick)
        (ingress,) = (
            each["filter_chains"]
            for each in gateway_bootstrap(gateway())["static_resources"]["listeners"]
            if each["name"] == "ingress"
        )
        asked = quick["tls_options"]["alpn_protocols"]
        chosen = [each.get("filter_chain_match") for each in ingress]
        assert chosen == [None, {"application_protocols": asked}]
        assert "tls_options" not in patient


def test_names_are_asked_for_and_addresses_are_not() -> None:
    for address, is_static in (("10.0.0.1", True), ("fd00::1", True), ("gw.example.com", False)):
        config = edge()
        moved = tuple(replace(target, address=address) for target in config.targets)
        known = edge_bootstrap(replace(config, targets=moved))["static_resources"]["clusters"]
        for cluster in (each for each in known if "load_assignment" in each):
            assert ("cluster_type" not in cluster) is is_static
