"""The live picture: what follows from what Envoys say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.support.pictures import EAST, EJECTED, WEST, answering, clusters_text, edge, host
from topology import admin
from topology.admin import Host
from topology.history import History
from topology.picture import due_shares, host_state, picture
from topology.proxies import Proxy, State


def test_shares_that_are_due_follow_from_priority_and_weight() -> None:
    assert due_shares([edge(host(EAST, weight=3), host(WEST, weight=1))]) == {
        EAST: 0.75,
        WEST: 0.25,
    }
    assert due_shares([edge(host(EAST, priority=1), host(WEST))]) == {EAST: 0.0, WEST: 1.0}


@pytest.mark.parametrize(
    ("flags", "rate", "state"),
    [
        ([], 5.0, State.SERVING),
        ([], 0.0, State.STANDBY),
        (["failed_active_hc", "active_hc_timeout"], 5.0, State.UNREACHABLE),
        (["failed_outlier_check"], 0.0, State.EJECTED),
        (["degraded_active_hc"], 5.0, State.DEGRADED),
        (["failed_active_hc", "excluded_via_immediate_hc_fail"], 0.0, State.DRAINING),
    ],
)
def test_each_flag_of_envoy_is_a_state(flags: list[str], rate: float, state: State) -> None:
    assert host_state(flags, rate) is state


def test_nothing_disappears() -> None:
    gateway = Proxy("gateway-1", EAST, is_edge=False, ready=True)
    gateway.hear(100.0, [Host("10.1.0.1:8080", EAST, total=5)])
    whole = [edge(host(EAST), host(WEST)), gateway]
    assert picture(whole, 101.0)["clusters"][0]["pods"][0]["state"] == State.STANDBY
    gateway.gone_at = 102.0
    found = picture(whole, 160.0)
    assert [cluster["name"] for cluster in found["clusters"]] == [EAST, WEST]
    east = found["clusters"][0]
    assert (east["state"], east["gateways"][0]["state"]) == (State.UNKNOWN, State.GONE)
    assert east["pods"][0]["state"] == State.UNKNOWN, "nobody can say"
    assert found["edge"][0]["state"] == State.SILENT and found["edge"][0]["silent"] == 60.0


def test_a_pod_that_no_gateway_knows_any_more_is_gone_and_stays() -> None:
    first, second = (Proxy(f"gateway-{n}", EAST, is_edge=False, ready=True) for n in (1, 2))
    whole = [edge(host(EAST), host(WEST)), first, second]

    def pods() -> dict[str, str]:
        return {p["address"]: p["state"] for p in picture(whole, 101.5)["clusters"][0]["pods"]}

    both = [Host("10.1.0.1:80", EAST), Host("10.1.0.2:80", EAST)]
    first.hear(100.0, both)
    second.hear(100.0, both)
    first.hear(101.0, both[1:])
    assert pods() == {"10.1.0.1:80": "standby", "10.1.0.2:80": "standby"}, "one knows it"
    second.hear(101.0, both[1:])
    assert pods() == {"10.1.0.1:80": "gone", "10.1.0.2:80": "standby"}
    second.hear(101.2, both)
    assert pods() == {"10.1.0.1:80": "standby", "10.1.0.2:80": "standby"}, "it is back"
    second.gone_at = 101.3
    assert pods() == {"10.1.0.1:80": "gone", "10.1.0.2:80": "standby"}, "who is gone does not count"


def test_a_drain_ends_when_the_last_gateway_is_gone() -> None:
    flags = frozenset({"failed_active_hc", "excluded_via_immediate_hc_fail"})
    gateway = Proxy("gateway-1", EAST, is_edge=False, ready=True)
    whole = [edge(host(EAST, flags=flags), host(WEST)), gateway]
    gateway.leaving = True
    assert picture(whole, 100.5)["clusters"][0]["state"] == State.DRAINING
    gateway.gone_at = 101.0
    assert picture(whole, 101.0)["clusters"][0]["state"] == State.UNREACHABLE


def test_the_picture_says_latency_and_for_how_long_a_cluster_is_ejected() -> None:
    proxy = edge(host(EAST, flags=EJECTED), host(WEST))
    proxy.latencies = {EAST: 0.9, WEST: 0.004}
    proxy.hear(101.0, [host(EAST, flags=EJECTED), host(WEST, 50)])
    east, west = picture([proxy], 101.0)["clusters"]
    assert (east["left"], east["p99"]) == (29.0, None), "what answers nothing has no latency"
    assert (west["left"], west["p99"]) == (None, 0.004)


@given(some.integers(0, 500), some.integers(0, 500), some.integers(0, 500))
def test_who_answers_sums_up_to_what_the_edge_sends(east: int, west: int, passed: int) -> None:
    passed = min(passed, east)
    found = picture(answering(101.0, east, west, passed), 101.0)
    answers = {each["name"]: each["answers"] for each in found["clusters"]}
    assert answers == {EAST: east - passed, WEST: west + passed}
    assert sum(answers.values()) == found["rate"]


def test_nothing_is_due_to_a_cluster_that_the_edge_has_no_more() -> None:
    former, now = edge(host(EAST, weight=100), host(WEST, weight=100)), edge(host(EAST, weight=100))
    assert due_shares([former]) == {EAST: 0.5, WEST: 0.5}
    former.gone_at = 101.0
    assert due_shares([former]) == {EAST: 0.5, WEST: 0.5}, "nobody has said more"
    assert due_shares([former, edge()]) == {EAST: 0.5, WEST: 0.5}, "it has not loaded them yet"
    assert due_shares([former, now]) == {EAST: 1.0, WEST: 0.0}
    east, west = picture([former, now], 100.5)["clusters"]
    assert (east["state"], west["state"]) == (State.IDLE, State.UNKNOWN)


def test_who_answers_first_is_no_standby_while_nobody_sends() -> None:
    def states(*hosts: Host) -> list[str]:
        return [each["state"] for each in picture([edge(*hosts)], 100.5)["clusters"]]

    assert states(host(EAST, priority=1), host(WEST)) == [State.STANDBY, State.IDLE]
    assert states(host(EAST), host(WEST)) == [State.IDLE, State.IDLE]
    assert states(host(EAST), host(WEST, flags=EJECTED)) == [State.IDLE, State.EJECTED]
    proxy = edge(host(EAST), host(WEST))
    proxy.hear(101.0, [host(EAST), host(WEST, 50)])
    east, west = picture([proxy], 101.0)["clusters"]
    assert (east["state"], west["state"]) == (State.STANDBY, State.SERVING), "none come to it"


def test_what_no_edge_pod_says_is_not_known() -> None:
    edge = Proxy("edge-1", "corp-edge", is_edge=True, ready=True)
    edge.hear(10.0, admin.hosts(clusters_text()))
    heard = picture([edge], 10.5, {"east-cluster": 1.0})
    assert heard["rate"] == 0.0 and heard["clusters"][0]["share"] == 0.0
    for when, proxies in ((60.0, [edge]), (10.5, [])):
        silent = picture(proxies, when, {"east-cluster": 1.0})
        assert silent["rate"] is None
        assert {silent["clusters"][0][key] for key in ("rate", "share")} == {None}
        assert History("west").add(silent)["points"] == []
