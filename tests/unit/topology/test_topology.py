"""The live picture: what Envoys say, and what follows from it."""

from __future__ import annotations

import gc
import io
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from drills.journal import Entry
from drills.stack import EDGE
from drills.traffic import EventKind
from tests.support.pictures import EAST, WEST, answering, edge, host, told
from topology import admin, feed
from topology.admin import Host, Rules
from topology.ejection import Ejections
from topology.feed import Feed, answers, take
from topology.history import History
from topology.kubectl import documents
from topology.picture import due_shares, host_state, picture
from topology.proxies import Proxy, State


def line(cluster: str, address: str, name: str, value: object) -> str:
    return f"{cluster}::{address}::{name}::{value}"


def clusters_text(**hosts: dict[str, object]) -> str:
    """What `/clusters` says of hosts, in two clusters of Envoy's."""
    found = ["regions_shop_shop::default_priority::max_connections::4096"]
    for zone, values in hosts.items():
        address = f"10.0.0.{len(zone)}:15443"
        both = {"zone": f"{zone}-cluster", "health_flags": "healthy", **values}
        found += [line("regions_shop_shop", address, key, value) for key, value in both.items()]
        found.append(line("patient_shop_shop", address, "rq_total", 1))
        found.append(line("other_shop_shop", address, "rq_total", 100))
    return "\n".join(found)


def test_hosts_are_counted_over_the_routes_clusters_and_no_others() -> None:
    text = clusters_text(east={"rq_total": 5, "rq_error": 2, "priority": 1, "weight": 50})
    (host,) = admin.hosts(text)
    assert (host.zone, host.total, host.bad) == (EAST, 6, 2)
    assert (host.priority, host.weight, host.flags) == (1, 50, frozenset())


def test_flags_are_those_of_envoy() -> None:
    (host,) = admin.hosts(
        clusters_text(east={"health_flags": "/failed_active_hc/active_hc_timeout"})
    )
    assert host.flags == {"failed_active_hc", "active_hc_timeout"}


@given(some.lists(some.text(some.characters(codec="ascii"), min_size=1), max_size=5))
def test_a_body_is_the_same_in_chunks_of_any_size(parts: list[str]) -> None:
    whole = "".join(parts).encode()
    chunks = b"".join(f"{len(p.encode()):x}\r\n{p}\r\n".encode() for p in parts) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\n"
    assert admin.body(head + b"transfer-encoding: chunked\r\n\r\n" + chunks) == whole.decode()
    assert admin.body(head + b"\r\n" + whole) == whole.decode()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 503 No\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\ncut",
    ],
)
def test_what_is_cut_off_is_no_answer(answer: bytes) -> None:
    with pytest.raises(ValueError):
        admin.body(answer)


def test_answers_and_documents_are_told_apart_in_a_stream() -> None:
    assert list(answers(io.BytesIO(b"a\nb\n\x1e\nc\n\x1e\nd"))) == [b"a\nb\n", b"c\n"]
    stream = b'{"type": "ADDED"}\n{"type": "DELETED"}\n{"ty'
    assert [each["type"] for each in documents(io.BytesIO(stream))] == ["ADDED", "DELETED"]


def test_shares_that_are_due_follow_from_priority_and_weight() -> None:
    assert due_shares([edge(host(EAST, weight=3), host(WEST, weight=1))]) == {
        EAST: 0.75,
        WEST: 0.25,
    }
    assert due_shares([edge(host(EAST, priority=1), host(WEST))]) == {EAST: 0.0, WEST: 1.0}


def test_rates_are_counted_over_a_second_and_never_below_nothing() -> None:
    proxy = edge(host(EAST, 10))
    proxy.hear(101.0, [host(EAST, 60)])
    assert proxy.rates("10.0.0.12:15443", 101.0) == (50.0, 0.0)
    assert proxy.rates("10.0.0.12:15443", 120.0) == (0.0, 0.0), "silent: nobody knows"
    proxy.hear(101.5, [host(EAST, 5)])  # it was restarted
    assert proxy.rates("10.0.0.12:15443", 101.5)[0] == 0.0
    assert proxy.rates("elsewhere", 101.5) == (0.0, 0.0)


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


def test_changes_of_state_are_events_and_the_first_sight_is_none() -> None:
    history = History("west")
    proxy = edge(host(EAST, 1), host(WEST, 1))
    assert history.add(picture([proxy], 100.0))["events"] == []
    proxy.hear(101.0, [host(EAST, 1, flags=frozenset({"failed_active_hc"})), host(WEST, 90)])
    (first, *_) = history.add(picture([proxy], 101.0))["events"]
    assert first["text"] == "east-cluster: standby, now unreachable"


ZONE = "cluster.regions_shop_shop.zone.us-east1"


def test_the_slowest_of_several_routes_is_the_latency_of_a_cluster() -> None:
    text = (
        f"{ZONE}.{EAST}.upstream_rq_time: P0(0,0) P99(3.05,9) P99.5(4,9)\n"
        f"cluster.local_other_other.zone.us-east1.{EAST}.upstream_rq_time: P99(7.5,9)\n"
        f"cluster.other_shop_shop.zone.us-east1.{EAST}.upstream_rq_time: P99(900,9)\n"
        f"{ZONE}.{WEST}.upstream_rq_time: P0(nan,0) P99(nan,9)\n"
    )
    assert admin.latencies(text) == {EAST: 0.0075}, "west answered nothing in that period"


def test_the_rules_of_ejection_are_those_in_force() -> None:
    routes = {"name": "regions_shop_shop", "outlier_detection": {"base_ejection_time": "5s"}}
    dump = {"configs": [{"cluster": {"name": "other"}}, {"cluster": routes}]}
    assert admin.rules(json.dumps(dump)) == Rules(base=5.0)
    assert admin.rules("regions_shop_shop::x::y::z") is None


def test_a_proxy_takes_each_answer_and_an_empty_one_changes_nothing() -> None:
    proxy = edge(host(EAST))
    routes = {"name": "regions_shop_shop", "outlier_detection": {"base_ejection_time": "5s"}}
    take(proxy, json.dumps({"configs": [{"cluster": routes}]}), 101.0)
    take(proxy, f"{ZONE}.{EAST}.upstream_rq_time: P99(2,9)", 101.0)
    take(proxy, "\n", 102.0)
    assert proxy.rules.base == 5.0 and proxy.latencies == {EAST: 0.002}
    assert proxy.heard_at == 100.0 and [each.zone for each in proxy.hosts] == [EAST]
    take(proxy, clusters_text(east={"rq_total": 5}), 103.0)
    assert proxy.heard_at == 103.0


EJECTED = frozenset({"failed_outlier_check"})


@given(some.integers(1, 6), some.floats(0, 30), some.floats(1, 20), some.floats(1, 60))
def test_each_ejection_lasts_longer_up_to_the_most(
    times: int, passed: float, base: float, most: float
) -> None:
    rules, known, at = Rules(interval=10.0, base=base, most=most), Ejections(), 1000.0
    for _ in range(times):
        known.hear(at, [host(EAST, flags=EJECTED)], rules)
        at += 5.0
        known.hear(at, [host(EAST)], rules)
        assert known.left("10.0.0.12:15443", at, rules) is None
    known.hear(at, [host(EAST, flags=EJECTED)], rules)
    lasts = min((times + 1) * base, max(base, most))
    assert known.left("10.0.0.12:15443", at + passed, rules) == pytest.approx(
        max(0.0, lasts - passed)
    )
    known.hear(at, [host(EAST)], rules)
    known.hear(at + 100, [host(EAST, flags=EJECTED)], rules)
    first = known.left("10.0.0.12:15443", at + 100, rules)
    assert first == pytest.approx(min(base * max(1, times + 1 - 9), max(base, most)))


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


def test_a_fault_leads_to_answers_elsewhere_to_all_moved_and_back() -> None:
    history = History("west")
    history.add(picture(answering(100.0, 50, 50), 100.0))
    kept = answering(101.0, 40, 60)
    history.add(picture(kept, 101.1), [told(101.0, EventKind.FAULT)])
    east = kept[1]  # passes on what still comes
    kept[0].hear(101.5, [host(EAST, 60), host(WEST, 90)])
    east.hear(101.5, [Host("10.1.0.1:80", EAST, total=40), Host("10.9.9.9:1", WEST, total=20)])
    kept[0].hear(102.2, [host(EAST, 60), host(WEST, 180)])
    history.add(picture(kept, 102.2))
    history.add(picture(answering(110.0, 0, 90), 110.0), [told(109.0, EventKind.FIX)])
    found = history.add(picture(answering(115.0, 50, 50), 115.0))
    moments = {e["kind"]: e for e in found["events"] if e["kind"] != "state"}
    assert list(moments) == ["struck", "elsewhere", "moved", "mended", "back"]
    assert moments["moved"]["at"] == 101.0, "then its pods counted the last request"
    assert moments["back"]["text"] == f"{EAST} has its share again, 6.0 s after the fix"
    numbers = [event["number"] for event in found["events"]]
    assert numbers == sorted(set(numbers))


def test_a_share_that_few_requests_made_is_not_waited_for() -> None:
    history = History("west")
    history.add(picture(answering(100.0, 3, 0), 100.0))
    history.add(picture(answering(101.0, 0, 3), 101.0), [told(100.5, EventKind.FAULT)])
    found = history.add(picture(answering(115.0, 50, 50), 115.0), [told(109.0, EventKind.FIX)])
    assert "back" in [event["kind"] for event in found["events"]]


def test_a_silence_of_the_proxies_is_no_quiet_of_the_struck_side() -> None:
    history = History("west")
    kept = answering(100.0, 50, 50)
    history.add(picture(kept, 100.0))
    history.add(picture(kept, 100.2), [told(100.1, EventKind.FAULT)])
    found = history.add(picture(kept, 101.4))
    assert "moved" not in [event["kind"] for event in found["events"]], "nobody knows yet"
    kept[0].hear(101.5, [host(EAST, 120), host(WEST, 60)])
    kept[1].hear(101.5, [Host("10.1.0.1:80", EAST, total=120)])
    found = history.add(picture(kept, 101.5))
    assert "moved" not in [event["kind"] for event in found["events"]], "it answered all along"
    kept[0].hear(102.1, [host(EAST, 120), host(WEST, 160)])
    found = history.add(picture(kept, 102.1))
    (moved,) = [event for event in found["events"] if event["kind"] == "moved"]
    assert moved["at"] == 101.5


def test_a_cluster_that_answered_nothing_has_nothing_to_move() -> None:
    history = History("west")
    history.add(picture(answering(100.0, 0, 100), 100.0))
    found = history.add(
        picture(answering(101.0, 0, 100), 101.0),
        [told(100.5, EventKind.FAULT)],
        broken=[Entry("workload-gone", EAST, 100.5)],
    )
    assert [event["kind"] for event in found["events"]] == ["struck"]
    assert found["broken"] == [{"fault": "workload-gone", "cluster": EAST, "since": 100.5}]


def test_a_switch_is_an_event_once_it_is_in_force() -> None:
    history = History("west")
    history.add(picture([edge(host(EAST), host(WEST))], 100.0))
    switched = picture([edge(host(EAST), host(WEST, priority=1))], 100.5)
    found = history.add(history.add(switched))
    (event,) = found["events"]
    assert event["kind"] == "switch"
    assert event["text"].endswith(f"{EAST} 100%, {WEST} 0%")


def test_pictures_leave_no_memory_behind() -> None:
    history, proxies = History("west"), answering(100.0, 50, 50)

    def add(count: int) -> int:
        """Add pictures, a change of state in every third; gives the bytes that are held then."""
        for number in range(count):
            at = (proxies[0].heard_at or 0.0) + 0.25
            flags = frozenset({"failed_active_hc"} if number // 3 % 2 else ())
            proxies[0].hear(at, [host(EAST, number, flags=flags), host(WEST, number)])
            history.add(picture(proxies, at))
        gc.collect()
        ours = [tracemalloc.Filter(True, "*/topology/*")]  # other tests' threads may still run
        found = tracemalloc.take_snapshot().filter_traces(ours)
        return sum(each.size for each in found.statistics("filename"))

    tracemalloc.start()
    try:
        before = add(700)  # as many events and points as are ever kept
        assert add(700) - before < 70_000, "a hundred bytes a picture"
    finally:
        tracemalloc.stop()


def test_nothing_is_due_to_a_cluster_that_the_edge_has_no_more() -> None:
    former, now = edge(host(EAST, weight=100), host(WEST, weight=100)), edge(host(EAST, weight=100))
    assert due_shares([former]) == {EAST: 0.5, WEST: 0.5}
    former.gone_at = 101.0
    assert due_shares([former]) == {EAST: 0.5, WEST: 0.5}, "nobody has said more"
    assert due_shares([former, edge()]) == {EAST: 0.5, WEST: 0.5}, "it has not loaded them yet"
    assert due_shares([former, now]) == {EAST: 1.0, WEST: 0.0}
    east, west = picture([former, now], 100.5)["clusters"]
    assert (east["state"], west["state"]) == (State.STANDBY, State.UNKNOWN)


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


def test_seconds_stand_still_while_the_machine_is_suspended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Feed(tmp_path / "kubeconfig", [EDGE])
    made._spawn = lambda *_: None  # type: ignore[method-assign]
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    made._note(EDGE, "ADDED", {"metadata": {"name": "edge-1"}, "status": ready})
    (proxy,) = made.proxies()
    proxy.hear(50.0, [host(EAST, 0, flags=EJECTED), host(WEST)])
    proxy.hear(51.0, [host(EAST, 5, flags=EJECTED), host(WEST, 20)])
    monkeypatch.setattr(feed, "_clock", lambda: 51.5)
    before, after = made.picture(1000.0), made.picture(4600.0)
    assert (before["at"], after["at"]) == (1000.0, 4600.0)
    assert after["edge"] == before["edge"] and after["edge"][0]["silent"] == 0.5
    east, west = after["clusters"]
    assert (east["left"], west["rate"]) == (28.5, 20.0), "as Envoy counts"
    assert list(west["counted"][0]) == [4599.5, 4599.5], "when it was, by the time of day"


def test_a_clock_that_is_set_back_takes_no_points_from_the_line_of_time() -> None:
    history = History("west")
    for at in (100.0, 101.0, 40.0, 41.0):
        found = history.add(picture(answering(at, 50, 50), at))
    assert [each["at"] for each in found["points"]] == [40.0, 41.0]


def test_only_the_last_of_those_that_are_gone_stay(tmp_path: Path) -> None:
    feed = Feed(tmp_path / "kubeconfig", ["east-cluster"])
    feed._spawn = lambda *_: None  # type: ignore[method-assign]
    for number in range(20):
        pod = {"metadata": {"name": f"gateway-{number}"}, "status": {}}
        for kind in ("ADDED", "DELETED"):
            feed._note("east-cluster", kind, pod)
    names = [proxy.name for proxy in feed.proxies()]
    assert names == [f"gateway-{number}" for number in range(12, 20)]
