"""What is rendered for Envoy; the real Envoy checks every bootstrap."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.envoy.common import checksum, render
from components.envoy.edge_clusters import EdgeConfig
from components.envoy.edge_config import edge_bootstrap, edge_files
from components.envoy.gateway_clusters import GatewayConfig
from components.envoy.gateway_config import gateway_bootstrap, gateway_files
from components.envoy.tls import MESH, SDS_FILE, sds_file
from components.profile.requests import RequestRules
from components.routing.routes import Route
from components.routing.targets import (
    ApplicationCluster,
    LbMode,
    edge_targets,
    edge_weights,
    gateway_targets,
    passing_on_to,
)
from components.routing.transport import Protocol, Transport
from foundation.certificates import authority, leaf
from foundation.project import ROOT
from tests.support.envoy_lab import CLUSTERS, paths, portal_route, read_profile, shipped_profile
from tests.support.envoy_process import envoy_binary

PORTAL = portal_route()
SHOP = Route(
    "shop", "retail", 80, 8080, ("shop.example.com",), "/", "HTTPS", "shop-certs", "/ready"
)
PLAIN = Route("news", "retail", 80, 8080, ("news.example.com",), "/n", "HTTP", None, "/n")
SOUTH = ApplicationCluster("south-cluster", "us-south1", 0)
ADDRESSES = {"east-cluster": "10.89.0.27", "west-cluster": "10.89.0.43", "south-cluster": "gw.test"}
PROFILE = shipped_profile()
NOT_EXECUTED = {"connect-failure", "refused-stream", "reset-before-request"}
EARLIER = read_profile(ROOT / "tests" / "support" / "profiles" / "earlier-demo.yaml")
SILENT = read_profile(ROOT / "tests" / "support" / "profiles" / "nothing-written.yaml")
LARGEST = replace(PROFILE, requests=RequestRules(headers_size=8 * 1024 * 1024))


def edge(
    mode: LbMode = LbMode.ACTIVE,
    routes: tuple[Route, ...] = (PORTAL,),
    clusters: list[ApplicationCluster] = CLUSTERS,
    **more: Any,
) -> EdgeConfig:
    weights = edge_weights(mode, clusters, "west-cluster")
    targets = edge_targets(weights, clusters, ADDRESSES, "us-east1")
    return EdgeConfig(routes, tuple(targets), PROFILE, **more)


def gateway(
    routes: tuple[Route, ...] = (PORTAL,), clusters: list[ApplicationCluster] = CLUSTERS
) -> GatewayConfig:
    return gateway_of("east-cluster", clusters, ADDRESSES, routes)


def gateway_of(
    name: str,
    clusters: list[ApplicationCluster],
    addresses: dict[str, str],
    routes: tuple[Route, ...] = (PORTAL,),
) -> GatewayConfig:
    peers = tuple(gateway_targets(name, clusters, addresses))
    return GatewayConfig(
        name, "us-east1", routes, peers, tuple(passing_on_to(name, clusters)), PROFILE
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives a folder with every certificate that a bootstrap of these tests names."""
    root = tmp_path_factory.mktemp("validate")
    issuer = authority("test")
    pair = leaf(issuer, "test", ["test"])
    for name in ("mesh", "certs/online-banking-certs", "certs/shop-certs"):
        (root / name).mkdir(parents=True)
        (root / name / "tls.crt").write_text(pair.certificate)
        (root / name / "tls.key").write_text(pair.key)
        (root / name / "ca.crt").write_text(issuer.certificate)
        known = MESH if name == "mesh" else (root / name).name
        (root / name / SDS_FILE).write_text(sds_file(known, pair.certificate, pair.key))
    (root / "config").mkdir()
    return root


EVERY_BOOTSTRAP = {
    **{f"edge {mode}": edge(mode) for mode in LbMode},
    "edge with several certificates": edge(routes=(PORTAL, SHOP, PLAIN)),
    "edge without https": edge(routes=(PLAIN,)),
    "edge with own addresses": edge(own_addresses=("127.0.0.1", "localhost"), https_port=10443),
    "edge with three clusters": edge(clusters=[*CLUSTERS, SOUTH]),
    "gateway": gateway(),
    "gateway with several services": gateway((PORTAL, SHOP, PLAIN)),
    "gateway with two peers": gateway(clusters=[*CLUSTERS, SOUTH]),
    "gateway alone": gateway(clusters=CLUSTERS[:1]),
    "edge of the earlier demo": replace(edge(), profile=EARLIER),
    "gateway of the earlier demo": replace(gateway(), profile=EARLIER),
    "edge of an empty profile": replace(edge(), profile=SILENT),
    "gateway of an empty profile": replace(gateway(), profile=SILENT),
    "edge with the largest headers": replace(edge(), profile=LARGEST),
    "gateway with the largest headers": replace(gateway(), profile=LARGEST),
}


@pytest.mark.parametrize("name", EVERY_BOOTSTRAP)
def test_envoy_accepts_the_bootstrap_without_a_warning(name: str, folder: Path) -> None:
    config = replace(EVERY_BOOTSTRAP[name], paths=paths(folder))
    if isinstance(config, EdgeConfig):  # as a whole, for Envoy does not validate other files
        files = {"envoy.yaml": render(edge_bootstrap(config))}
    else:
        files = gateway_files(config)
    for file, text in files.items():
        (folder / "config" / file).write_text(text)
    done = subprocess.run(
        [
            envoy_binary(),
            *("--mode", "validate", "--config-path", folder / "config" / "envoy.yaml"),
            *("--service-node", "test", "--service-cluster", "test", "--log-level", "warning"),
        ],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_equal_settings_give_equal_text_and_any_change_another_checksum() -> None:
    active = edge_files(edge())
    assert active == edge_files(edge())
    assert checksum(active) == checksum(edge_files(edge()))
    assert checksum(active) != checksum(edge_files(edge(LbMode.STANDBY)))
    assert checksum({"a": "b", "c": ""}) != checksum({"a": "", "c": "b"})
    assert active["version"] != edge_files(edge(LbMode.STANDBY))["version"]


def test_the_edges_files_are_its_whole_configuration() -> None:
    """What leaves the bootstrap is what is loaded: nothing is lost or there twice."""
    files = edge_files(edge(routes=(PORTAL, SHOP, PLAIN)))
    parts = {name: yaml.safe_load(text) for name, text in files.items()}
    assert {parts[n]["version_info"] for n in parts if n.startswith(("cds", "rds"))} == {
        files["version"]
    }
    whole = parts["envoy.yaml"]
    del whole["dynamic_resources"]
    loaded = [dict(each) for each in parts["cds.yaml"]["resources"]]
    whole["static_resources"]["clusters"] = loaded
    for listener in whole["static_resources"]["listeners"]:
        for chain in listener["filter_chains"]:
            manager = chain["filters"][0]["typed_config"]
            if rds := manager.pop("rds", None):
                path = rds["config_source"]["path_config_source"]["path"]
                (routes,) = parts[path.rpartition("/")[2]]["resources"]
                manager["route_config"] = {k: v for k, v in routes.items() if k != "@type"}
    for each in loaded:
        del each["@type"]
    version = files["version"]
    expected = replace(edge(routes=(PORTAL, SHOP, PLAIN)), version=version)
    assert whole == edge_bootstrap(expected)


@pytest.mark.parametrize("mode", [LbMode.STANDBY, LbMode.LOCALITY])
def test_a_switch_leaves_the_bootstrap_as_it_is(mode: LbMode) -> None:
    active, other = edge_files(edge()), edge_files(edge(mode))
    assert active["envoy.yaml"] == other["envoy.yaml"]
    assert active["cds.yaml"] != other["cds.yaml"]


def test_text_has_no_aliases() -> None:
    shared = [1]
    assert render({"a": shared, "b": shared}) == "a:\n- 1\nb:\n- 1\n"


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


def nodes(document: object, key: str) -> Iterator[Any]:
    """Gives the values of all entries called `key`, at any depth."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name == key:
                yield value
            yield from nodes(value, key)
    elif isinstance(document, list):
        for value in document:
            yield from nodes(value, key)


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


def test_only_the_edge_repeats_what_may_have_been_executed() -> None:
    plain = replace(PORTAL, transport=Transport())
    at_edge = next(nodes(edge_bootstrap(edge(routes=(plain,))), "routes"))
    at_gateway = next(nodes(gateway_bootstrap(replace(gateway(), routes=(plain,))), "routes"))
    for routes, first_byte, retries in ((at_edge, "60s", 3), (at_gateway, "54s", 1)):
        cautious, normal = routes[0], routes[1]
        for entry in (cautious, normal):
            assert entry["route"]["timeout"] == "0s", "an answer may take any time"
            assert entry["route"]["retry_policy"]["per_try_timeout"] == first_byte
            assert entry["route"]["retry_policy"]["num_retries"] == retries
            assert "hedge_policy" not in entry["route"]
        method = cautious["match"]["headers"][0]
        assert method["invert_match"] is True
        assert method["string_match"]["safe_regex"]["regex"] == "GET|HEAD|OPTIONS|TRACE"
        assert set(cautious["route"]["retry_policy"]["retry_on"].split(",")) == NOT_EXECUTED
    policy = at_edge[1]["route"]["retry_policy"]
    assert set(policy["retry_on"].split(",")) == {*NOT_EXECUTED, "reset", "retriable-status-codes"}
    assert policy["retriable_status_codes"] == [502, 503], "504 says that a page takes too long"
    assert set(at_gateway[1]["route"]["retry_policy"]["retry_on"].split(",")) == NOT_EXECUTED


def test_a_longer_time_to_the_first_byte_is_not_cut_by_an_idle_time_out() -> None:
    profile = replace(PROFILE, request_timeout=120.0)
    plain = replace(PORTAL, transport=Transport())
    for document, first_byte in (
        (edge_bootstrap(replace(edge(routes=(plain,)), profile=profile)), "120s"),
        (gateway_bootstrap(replace(gateway(routes=(plain,)), profile=profile)), "108s"),
    ):
        entry = next(nodes(document, "routes"))[0]
        assert entry["route"]["retry_policy"]["per_try_timeout"] == first_byte
        waits = [float(each.removesuffix("s")) for each in nodes(document, "stream_idle_timeout")]
        assert waits
        assert min(waits) > 120


def test_a_gateway_hedges_where_the_service_asks_for_it_and_the_edge_never() -> None:
    hedged = replace(PORTAL, transport=Transport(hedge_after=0.25, repeatable=("PUT",)))
    for document, hedges in (
        (gateway_bootstrap(replace(gateway(), routes=(hedged,))), True),
        (edge_bootstrap(replace(edge(), routes=(hedged,))), False),
    ):
        cautious, normal = next(nodes(document, "routes"))[:2]
        regex = cautious["match"]["headers"][0]["string_match"]["safe_regex"]["regex"]
        assert regex == "GET|HEAD|OPTIONS|TRACE|PUT"
        assert "hedge_policy" not in cautious["route"]
        assert ("hedge_policy" in normal["route"]) is hedges
    policy = next(nodes(gateway_bootstrap(replace(gateway(), routes=(hedged,))), "routes"))[1]
    assert policy["route"]["retry_policy"]["per_try_timeout"] == "0.25s"


def test_calls_of_grpc_are_never_hedged_and_wait_for_a_gateway_as_streams_do() -> None:
    """Any of them may be a stream."""
    asked = Transport(Protocol.GRPC, hedge_after=0.25, repeatable=("POST",))
    routes = (replace(PORTAL, transport=asked),)
    assert not list(nodes(gateway_bootstrap(gateway(routes)), "hedge_policy"))
    document = edge_bootstrap(edge(routes=routes))
    served = next(nodes(document, "virtual_hosts"))[0]["routes"]
    clusters = {each["route"]["cluster"] for each in served if "route" in each}
    assert len(clusters) == 1 and clusters.pop().startswith("patient_")


def test_a_profile_without_retries_tries_once() -> None:
    silent = replace(PROFILE, retries=replace(PROFILE.retries, attempts=0))
    document = edge_bootstrap(replace(edge(), profile=silent))
    policies = list(nodes(document, "retry_policy"))
    assert {policy["num_retries"] for policy in policies} == {0}


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


def test_traps_are_rendered_as_they_are() -> None:
    for document, first_byte in (
        (edge_bootstrap(replace(edge(), profile=EARLIER)), "3s"),
        (gateway_bootstrap(replace(gateway(), profile=EARLIER)), "2.7s"),
    ):
        route = next(nodes(document, "routes"))[0]["route"]
        assert route["retry_policy"]["per_try_timeout"] == first_byte
        cluster = document["static_resources"]["clusters"][0]
        assert cluster["connect_timeout"] == "10s"
        assert cluster["outlier_detection"]["enforcing_consecutive_5xx"] == 0
        assert cluster["outlier_detection"]["max_ejection_percent"] == 100
        assert cluster["outlier_detection"]["base_ejection_time"] == "30s"


def test_what_a_profile_leaves_out_is_written_out_as_tetrate_has_it() -> None:
    document = edge_bootstrap(replace(edge(), profile=SILENT))
    once, again = (entry["route"] for entry in next(nodes(document, "routes"))[:2])
    assert "per_try_timeout" not in again["retry_policy"]  # no limit
    assert again["retry_policy"]["num_retries"] == 2
    assert again["retry_policy"]["retriable_status_codes"] == [503]
    assert "503" not in again["retry_policy"]["retry_on"]
    # without it Envoy does not look at the statuses
    assert "retriable-status-codes" in again["retry_policy"]["retry_on"].split(",")
    assert "retriable-status-codes" not in once["retry_policy"]["retry_on"].split(",")
    assert "retriable_status_codes" not in once["retry_policy"]
    cluster = document["static_resources"]["clusters"][0]
    assert cluster["circuit_breakers"]["thresholds"][0]["max_connections"] == 2**32 - 1
    assert cluster["outlier_detection"]["enforcing_consecutive_gateway_failure"] == 0


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


@pytest.mark.parametrize(
    ("retry_on", "conditions", "statuses"),
    [
        (("connect-failure", "409"), "connect-failure,retriable-status-codes", [409]),
        (("409", "503"), "retriable-status-codes", [409, 503]),
        (("retriable-status-codes", "503"), "retriable-status-codes", [503]),
        (("connect-failure",), "connect-failure", None),
    ],
)
def test_statuses_count_whatever_else_a_profile_retries_on(
    retry_on: tuple[str, ...], conditions: str, statuses: list[int] | None
) -> None:
    """Envoy looks at the statuses only with the condition `retriable-status-codes`."""
    profile = edge().profile
    profile = replace(profile, retries=replace(profile.retries, retry_on=retry_on))
    document = edge_bootstrap(replace(edge(), profile=profile))
    policies = [policy for policy in nodes(document, "retry_policy") if policy["num_retries"]]
    assert conditions in {policy["retry_on"] for policy in policies}
    with_statuses = [p for p in policies if p.get("retriable_status_codes")]
    assert all(p["retriable_status_codes"] == statuses for p in with_statuses)
    assert bool(with_statuses) == bool(statuses)
