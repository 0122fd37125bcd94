"""Who is admitted where, and by which listener, chain and route a request goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.envoy.edge_clusters import EdgeConfig
from components.envoy.edge_config import edge_bootstrap, edge_files
from components.envoy.gateway_clusters import GatewayConfig
from components.envoy.gateway_config import gateway_bootstrap, gateway_files
from components.routing.targets import ApplicationCluster
from tests.support.envoy_lab import CLUSTERS
from tests.support.rendered import PLAIN, PORTAL, SHOP, SOUTH, edge, gateway, gateway_of, nodes


def test_each_gateway_must_show_its_own_clusters_name() -> None:
    cluster = edge_bootstrap(edge())["static_resources"]["clusters"][0]
    found = {}
    for entry in cluster["transport_socket_matches"]:
        assert entry["match"] == {"cluster": entry["name"]}
        context = entry["transport_socket"]["typed_config"]
        (names,) = nodes(context, "match_typed_subject_alt_names")
        found[entry["name"]] = (context["sni"], [name["matcher"]["exact"] for name in names])
    assert found == {
        "east-cluster": ("gateway.east-cluster.mesh", ["gateway.east-cluster.mesh"]),
        "west-cluster": ("gateway.west-cluster.mesh", ["gateway.west-cluster.mesh"]),
    }


def test_a_gateways_listeners_ask_for_certificates_and_admit_different_clients() -> None:
    listeners = gateway_bootstrap(gateway(clusters=[*CLUSTERS, SOUTH]))["static_resources"]
    admitted = {}
    for chain in nodes(listeners, "filter_chains"):
        for each in chain:
            for names in nodes(each, "match_typed_subject_alt_names"):
                admitted[each["name"]] = [name["matcher"]["exact"] for name in names]
                assert list(nodes(each, "require_client_certificate")) == [True]
    assert admitted == {
        "ingress": ["edge.corp-edge.mesh"],
        "renewed": ["edge.corp-edge.mesh"],
        "peer": ["gateway.west-cluster.mesh", "gateway.south-cluster.mesh"],
        "peer_renewed": ["gateway.west-cluster.mesh", "gateway.south-cluster.mesh"],
    }


def test_each_of_thirteen_gateways_admits_those_that_pass_on_to_it_and_no_others() -> None:
    clusters = [ApplicationCluster(f"c{n}", ("us-east1", "us-west1")[n % 2]) for n in range(13)]
    addresses = {cluster.name: "10.0.0.1" for cluster in clusters}
    sent, admitted = set(), set()
    for own in clusters:
        resources = gateway_bootstrap(gateway_of(own.name, clusters, addresses))["static_resources"]
        peers = resources["clusters"][1]
        sent |= {(own.name, match["name"]) for match in peers["transport_socket_matches"]}
        names, _ = nodes(resources["listeners"][1], "match_typed_subject_alt_names")
        admitted |= {(name["matcher"]["exact"].split(".")[1], own.name) for name in names}
    assert admitted == sent


def test_what_came_from_a_peer_is_never_sent_to_a_peer() -> None:
    document = gateway_bootstrap(gateway())["static_resources"]
    peer = next(item for item in document["listeners"] if item["name"] == "peer")
    assert set(nodes(peer, "cluster")) == {"local_transaction-service_web-portal"}
    local = next(c for c in document["clusters"] if c["name"].startswith("local_"))
    assert len(local["load_assignment"]["endpoints"]) == 1


def test_a_gateway_without_peers_has_no_peer_listener() -> None:
    document = gateway_bootstrap(gateway(clusters=CLUSTERS[:1]))["static_resources"]
    assert [item["name"] for item in document["listeners"]] == ["ingress", "ready"]


@pytest.mark.parametrize("config", [edge(), gateway()], ids=["edge", "gateway"])
def test_the_admin_port_is_for_the_pod_only(config: EdgeConfig | GatewayConfig) -> None:
    document = edge_bootstrap(config) if isinstance(config, EdgeConfig) else None
    document = document or gateway_bootstrap(config)
    assert document["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"


def test_each_certificate_has_a_chain_and_the_first_serves_whoever_names_nobody() -> None:
    listener = edge_bootstrap(edge(routes=(PORTAL, SHOP, PLAIN)))["static_resources"]["listeners"][
        0
    ]
    chains = {c["name"]: c.get("filter_chain_match") for c in listener["filter_chains"]}
    assert chains == {
        "online-banking-certs": None,
        "shop-certs": {"server_names": ["shop.example.com"]},
    }


def test_services_of_protocol_http_are_served_without_tls_and_others_redirected() -> None:
    document = edge_bootstrap(edge(routes=(PORTAL, PLAIN)))["static_resources"]
    https, http, _ = document["listeners"]
    hosts = {h["name"]: h["routes"] for h in next(nodes(http, "virtual_hosts"))}
    assert "redirect" in hosts["online-banking.dynabank.com"][0]
    clusters = [entry["route"]["cluster"] for entry in hosts["news.example.com"][:2]]
    assert clusters == ["patient_retail_news", "regions_retail_news"]
    assert "news.example.com" not in {h["name"] for h in next(nodes(https, "virtual_hosts"))}


@pytest.mark.parametrize("outer", ["HTTP", "HTTPS"])
def test_a_path_below_another_services_is_served_by_its_own_protocol_alone(outer: str) -> None:
    """A gateway takes a request to the Service of the longest path, whatever it came by."""
    inner = "HTTPS" if outer == "HTTP" else "HTTP"
    shop = replace(SHOP, path="/", protocol=outer, tls_secret="c" if outer == "HTTPS" else None)
    admin = replace(
        SHOP, service="admin", path="/admin", protocol=inner,
        tls_secret="c" if inner == "HTTPS" else None,
    )  # fmt: skip
    listeners = edge_bootstrap(edge(routes=(shop, admin)))["static_resources"]["listeners"]
    shown = {}
    for listener in listeners[:2]:
        routes = next(nodes(listener, "virtual_hosts"))[0]["routes"]
        shown[listener["name"].upper()] = next(r for r in routes if "/admin" in str(r["match"]))
        assert "/admin" in str(routes[0]["match"]), "it is looked at first"
    assert "retail_admin" in shown[inner]["route"]["cluster"]
    if outer == "HTTP":
        assert shown["HTTP"]["redirect"]["https_redirect"]
    else:
        assert shown["HTTPS"]["direct_response"]["status"] == 404


@pytest.mark.parametrize(
    ("port", "redirect"),
    [
        (443, {"https_redirect": True, "response_code": "PERMANENT_REDIRECT"}),
        (
            10443,
            {"https_redirect": True, "response_code": "PERMANENT_REDIRECT", "port_redirect": 10443},
        ),
    ],
)
def test_the_redirect_names_the_port_only_if_it_is_not_the_usual_one(
    port: int, redirect: dict[str, Any]
) -> None:
    found = list(nodes(edge_bootstrap(edge(https_port=port)), "redirect"))
    assert found == [redirect]


def test_a_longer_path_is_looked_at_first() -> None:
    deep = replace(SHOP, service="deep", path="/a/b", hosts=PORTAL.hosts)
    top = replace(SHOP, service="top", path="/", hosts=PORTAL.hosts)
    for document in (
        edge_bootstrap(edge(routes=(top, PORTAL, deep))),
        gateway_bootstrap(gateway((top, PORTAL, deep))),
    ):
        host = next(nodes(document, "virtual_hosts"))[0]
        order = [r["route"]["cluster"].rsplit("_", 1)[1] for r in host["routes"] if "route" in r]
        assert list(dict.fromkeys(order)) == ["web-portal", "deep", "top"]


def test_no_key_or_certificate_is_written_into_the_configuration() -> None:
    for files in (edge_files(edge()), gateway_files(gateway())):
        assert "PRIVATE KEY" not in "".join(files.values())
        assert "inline_bytes" not in "".join(files.values())
