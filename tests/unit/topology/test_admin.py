"""What Envoys' administration interfaces say, and how a proxy takes it."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.support.pictures import EAST, EJECTED, WEST, clusters_text, edge, host
from topology import admin
from topology.admin import Rules
from topology.ejection import Ejections
from topology.feed import answers, take
from topology.kubectl import documents


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


def test_rates_are_counted_over_a_second_and_never_below_nothing() -> None:
    proxy = edge(host(EAST, 10))
    proxy.hear(101.0, [host(EAST, 60)])
    assert proxy.rates("10.0.0.12:15443", 101.0) == (50.0, 0.0)
    assert proxy.rates("10.0.0.12:15443", 120.0) == (0.0, 0.0), "silent: nobody knows"
    proxy.hear(101.5, [host(EAST, 5)])  # it was restarted
    assert proxy.rates("10.0.0.12:15443", 101.5)[0] == 0.0
    assert proxy.rates("elsewhere", 101.5) == (0.0, 0.0)


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
