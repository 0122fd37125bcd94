"""The generator against servers that fail in known ways: the ledger matches, to the request."""

from __future__ import annotations

import socket
import time
from collections import Counter
from pathlib import Path

import pytest

from drills.traffic import Event, EventKind, Header, LanePlan, Objectives, TrafficPlan, record
from drills.traffic.accounts import ledger_of
from drills.traffic.generator import Traffic
from drills.traffic.record import Record
from tests.support.failing_server import GOOD, Deed, done_to, number, serving


def send(
    folder: Path, url: str, *, rate: float = 200, duration: float | None = 1.0, timeout: float = 10
) -> Record:
    """Sends until the duration is over and gives the record."""
    plan = TrafficPlan.to(
        url, rate=rate, duration=duration, timeout=timeout, ca_file=str(folder / "ca.pem")
    )
    with Traffic(plan, Header(run="t", started=time.time()), folder) as traffic:
        assert traffic.wait(20)
    return record.read(folder)


def samples_with(found: Record, failure: str | None) -> set[int]:
    return {number(s) for s in found.samples if s.failure == failure}


def test_all_is_well_and_all_combinations_are_sent(tmp_path: Path) -> None:
    with serving(tmp_path, lambda n: GOOD) as server:
        found = send(tmp_path, server.url)
    assert sorted(number(s) for s in found.samples) == list(range(200))
    assert not [s for s in found.samples if s.lost]
    kinds = Counter((s.lane, s.protocol, s.kind) for s in found.samples)
    assert len(kinds) == 2 * 2 * 3
    assert Counter(k[:2] for k in kinds.elements()) == Counter(
        {(lane, protocol): 50 for lane in ("kept", "new") for protocol in ("h1", "h2")}
    )
    one = found.samples[-1]
    assert (one.status, one.cluster, one.pod) == (200, "east-cluster", "pod-1")
    assert (one.request_id, one.attempts) == ("edge-1", 2)


def test_what_the_server_saw_is_what_the_samples_say(tmp_path: Path) -> None:
    with serving(tmp_path, lambda n: GOOD) as server:
        found = send(tmp_path, server.url)
    assert {n: len(deeds) for n, deeds in server.deeds.items()} == dict.fromkeys(range(200), 1)
    assert {number(s): s.protocol for s in found.samples} == server.protocols
    assert {number(s): s.key for s in found.samples if s.key} == server.keys


def test_new_connections_are_new_and_kept_ones_are_kept(tmp_path: Path) -> None:
    with serving(tmp_path, lambda n: GOOD) as server:
        found = send(tmp_path, server.url)
    assert not [s for s in found.samples if s.lane == "new" and s.reused]
    fresh = [s for s in found.samples if not s.reused]
    assert len(fresh) == server.connections
    # a few to begin with, and one more wherever all were busy
    assert [s for s in found.samples if s.lane == "kept" and s.reused]


@pytest.mark.parametrize(
    ("deed", "failure"),
    [
        (Deed(status=503), "503"),
        (Deed(status=404), "404"),
        (Deed(reset=True), "reset"),
        (Deed(hang=True), "timeout"),
        (Deed(after=6.5), "timeout"),
    ],
    ids=["503", "404", "reset", "hang", "too late"],
)
def test_every_seventh_request_fails(tmp_path: Path, deed: Deed, failure: str) -> None:
    with serving(tmp_path, lambda n: deed if n % 7 == 3 else GOOD) as server:
        found = send(tmp_path, server.url, timeout=6 if failure == "timeout" else 10)
    expected = {n for n in range(200) if n % 7 == 3}
    assert done_to(server, lambda d: d == deed) == expected
    assert samples_with(found, failure) == expected
    assert samples_with(found, None) == set(range(200)) - expected
    # nothing is sent again, whatever failed
    assert all(len(deeds) == 1 for deeds in server.deeds.values())
    ledger = ledger_of(tmp_path)
    assert (ledger.total.sent, ledger.total.lost) == (200, len(expected))
    assert ledger.total.failures == {failure: len(expected)}
    assert ledger.promised.lost == sum(s.repeatable for s in found.samples if s.lost)
    for lane, part in ledger.lanes.items():
        assert part.lost == len([s for s in found.samples if s.lane == lane and s.lost])
    assert not ledger.met


def test_an_answer_cut_in_half_is_lost(tmp_path: Path) -> None:
    def plan(n: int) -> Deed:
        return Deed(close=True) if n % 20 == 0 else GOOD  # these are HTTP/1.1

    with serving(tmp_path, plan) as server:
        found = send(tmp_path, server.url)
    expected = done_to(server, lambda d: d.close)
    assert expected == set(range(0, 200, 20))
    assert {server.protocols[n] for n in expected} == {"h1"}
    assert samples_with(found, "closed") == expected
    assert all(s.status is None for s in found.samples if s.lost)


def test_slow_answers_are_counted_from_when_they_were_due(tmp_path: Path) -> None:
    slow = Deed(after=0.3)
    with serving(tmp_path, lambda n: slow if n % 10 == 0 else GOOD) as server:
        found = send(tmp_path, server.url, timeout=30)
    ledger = ledger_of(tmp_path, Objectives(slowest=0.29))
    assert not ledger.total.lost
    assert {number(s) for s in found.samples if s.duration > 0.29} >= set(range(0, 200, 10))
    assert ledger.total.slow == len([s for s in found.samples if s.duration > 0.29])
    assert ledger.total.latency.max >= 0.3


def test_a_server_that_hangs_does_not_slow_the_generator(tmp_path: Path) -> None:
    """The rate is kept while nobody answers: that is what makes an outage visible."""
    with serving(tmp_path, lambda n: Deed(hang=True)) as server:
        found = send(tmp_path, server.url, timeout=1)
    assert len(found.samples) == 200
    assert samples_with(found, "timeout") == set(range(200))
    due = sorted(s.due for s in found.samples)
    assert due[-1] - due[0] == pytest.approx(199 / 200, abs=0.001)
    assert all(s.duration >= 1.0 for s in found.samples)


def test_nobody_listens(tmp_path: Path) -> None:
    with serving(tmp_path, lambda n: GOOD):
        pass
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, and not listening
        found = send(tmp_path, f"https://127.0.0.1:{closed.getsockname()[1]}/")
    assert samples_with(found, "refused") == set(range(200))
    ledger = ledger_of(tmp_path)
    assert set(ledger.clusters) == {"nobody"}


def test_a_certificate_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with serving(tmp_path / "other", lambda n: GOOD) as other, serving(tmp_path, lambda n: GOOD):
        found = send(tmp_path, other.url, rate=40)
    assert samples_with(found, "tls") == set(range(40))
    assert not other.deeds


def test_something_else_listens(tmp_path: Path) -> None:
    with serving(tmp_path, lambda n: GOOD) as server:
        plain = f"http://127.0.0.1:{server.port}/"
        found = send(tmp_path, plain, rate=40)
    assert len([s for s in found.samples if s.lost]) == 40


def test_a_connection_that_is_said_to_end_gets_no_further_request(tmp_path: Path) -> None:
    """`connection: close`, as a draining proxy sends it, costs nothing."""
    with serving(tmp_path, lambda n: Deed(last=n % 3 == 0)) as server:
        found = send(tmp_path, server.url)
    assert not [s for s in found.samples if s.lost]


def test_the_wrong_cluster_and_a_switch(tmp_path: Path) -> None:
    # none of the wrong ones is under way when it would be right
    def plan(n: int) -> Deed:
        wrong = n % 10 == 0 and n < 60
        return Deed(cluster="west-cluster" if n >= 100 or wrong else "east-cluster")

    with serving(tmp_path, plan) as server:
        settings = TrafficPlan.to(server.url, rate=50, duration=4, ca_file=str(tmp_path / "ca.pem"))
        header = Header(run="t", started=time.time(), serving=("east-cluster",))
        with Traffic(settings, header, tmp_path) as traffic:
            assert traffic.wait(20)
            due = {number(s): s.due for s in traffic.recent(60)}
            switch = Event((due[99] + due[100]) / 2, EventKind.SWITCH, "lbMode")
            switch = Event(switch.at, switch.kind, switch.name, serving=("west-cluster",))
            traffic.mark(switch)
    ledger = ledger_of(tmp_path)
    assert ledger.total.wrong_side == 6
    assert ledger.clusters["west-cluster"].wrong_side == 6
    assert ledger.clusters["west-cluster"].sent == 106
    assert not ledger.met


def test_a_lane_beside_is_not_counted(tmp_path: Path) -> None:
    with serving(tmp_path, lambda n: Deed(status=503 if n % 2 else 200)) as server:
        lanes = (
            LanePlan("kept", server.url, True),
            LanePlan("envoy", server.url, True, counted=False),
        )
        plan = TrafficPlan(lanes, rate=200, duration=1, ca_file=str(tmp_path / "ca.pem"))
        with Traffic(plan, Header(run="t", started=time.time()), tmp_path) as traffic:
            assert traffic.wait(20)
    ledger = ledger_of(tmp_path)
    # lanes take turns, so that all odd numbers are of the second one
    assert (ledger.total.sent, ledger.total.lost) == (100, 0)
    assert (ledger.beside["envoy"].sent, ledger.beside["envoy"].lost) == (100, 100)
