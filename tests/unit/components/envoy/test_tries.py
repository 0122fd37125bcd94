"""How often what is tried, and how long it may take, as rendered for Envoy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.envoy.edge_config import edge_bootstrap
from components.envoy.gateway_config import gateway_bootstrap
from components.routing.transport import Protocol, Transport
from tests.support.rendered import EARLIER, PORTAL, PROFILE, SILENT, edge, gateway, nodes

NOT_EXECUTED = {"connect-failure", "refused-stream", "reset-before-request"}


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
