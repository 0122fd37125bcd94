"""A lane to compare with: planned, sent, refused, and left out of what is counted."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from drills import drill
from drills.compare.balancers import named as named_balancers
from drills.faults import named
from drills.pace import Pace
from drills.stack import Stack
from drills.traffic import Execution, Header, TrafficPlan
from drills.traffic import __main__ as command
from drills.traffic.accounts import ledger_of
from drills.traffic.generator import Traffic
from drills.traffic.ledger import ledger
from foundation.errors import UserError
from tests.support.failing_server import Deed, serving
from tests.support.lane_beside import (
    BESIDE_LOST,
    EAST,
    FAULT,
    FIX,
    WEST,
    beside,
    counted,
    outage,
    samples,
)


def test_the_lanes_that_count_keep_their_rate() -> None:
    usual = TrafficPlan.to("https://x/", rate=100)
    assert (usual.rate, usual.counted_rate, usual.uncounted) == (100, 100, ())
    both = usual.beside(beside("https://y/"), "h")
    assert [(lane.name, lane.url, lane.counted) for lane in both.lanes] == [
        ("kept", "https://x/", True),
        ("new", "https://x/", True),
        ("envoy", "https://y/", False),
    ]
    assert (both.rate, both.counted_rate, both.uncounted) == (150, 100, ("envoy",))
    assert (both.host, usual.host) == ("h", "")
    one = TrafficPlan(lanes=usual.lanes[:1], rate=40).beside([*beside("https://y/")] * 2, "h")
    assert (one.rate, one.counted_rate) == (120, 40)


def test_the_generator_sends_both_and_gives_what_counts(tmp_path: Path) -> None:
    def deed(number: int) -> Deed:
        return Deed(status=503 if number % 3 == 2 else 200)  # lanes take turns

    with serving(tmp_path, deed) as server:
        usual = TrafficPlan.to(server.url, rate=50, duration=4, ca_file=str(tmp_path / "ca.pem"))
        plan = usual.beside(beside(server.url), "127.0.0.1")
        with Traffic(plan, Header(run="t", started=time.time()), tmp_path) as traffic:
            assert traffic.wait(20)
            recent, (every, _) = traffic.recent(60), traffic.since(0)
    assert Counter(s.lane for s in recent) == {"kept": 100, "new": 100}
    assert Counter(s.lane for s in every) == {"kept": 100, "new": 100, "envoy": 100}
    combinations = {(s.protocol, s.kind) for s in every if s.lane == "envoy"}
    assert len(combinations) == 2 * 3
    found = ledger_of(tmp_path)
    assert (found.total.sent, found.total.lost, found.checks[0].met) == (200, 0, True)
    assert (found.beside["envoy"].sent, found.beside["envoy"].lost) == (100, 100)
    assert list(found.lanes) == ["kept", "new"]


def test_an_address_of_ones_own_has_nothing_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--beside", "envoy", "--url", "https://127.0.0.1:1/"]) == 1
    assert "leave --url out" in capsys.readouterr().err


def test_an_unknown_balancer_is_refused_before_anything_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "r.jsonl"
    arguments = ["--beside", "varnish", "--url", "https://127.0.0.1:1/", "--record", str(file)]
    assert command.main(arguments) == 1
    assert "There is no balancer 'varnish'. There are: haproxy" in capsys.readouterr().err
    assert not file.exists()


def test_a_drill_on_clusters_of_others_has_nothing_beside_it_and_breaks_nothing(
    tmp_path: Path,
) -> None:
    weights = {EAST: 100, WEST: 100}
    stack = Stack("west", tmp_path, tmp_path / "kubeconfig", weights, "active", elsewhere=True)
    said: list[str] = []
    pace = Pace(beside=tuple(named_balancers(["envoy"])))
    with pytest.raises(UserError, match="choose a stack of backend local"):
        drill.run(stack, named("pod-killed"), EAST, pace, said.append)
    assert said == []
    assert list(tmp_path.iterdir()) == []


def test_what_a_lane_beside_loses_decides_nothing() -> None:
    found = counted()
    assert (found.total.sent, found.total.lost) == (2000, 0)
    assert found.met, [check for check in found.checks if not check.met]
    (incident,) = found.incidents
    alone = ledger([s for s in samples() if s.lane != "envoy"], [FAULT, FIX], found.objectives)
    assert incident == alone.incidents[0]
    assert found.checks == alone.checks
    assert found.total == alone.total
    envoy = found.beside["envoy"]
    assert (envoy.sent, envoy.lost, envoy.failures) == (1000, BESIDE_LOST, {"timeout": BESIDE_LOST})


def test_a_lane_beside_has_a_gap_of_its_own() -> None:
    found = counted(outage())
    assert found.total.longest_gap is not None
    assert found.total.longest_gap.seconds < 0.02
    gap = found.beside["envoy"].longest_gap
    assert gap is not None
    assert gap.seconds == pytest.approx(6.0, abs=0.02)


def test_executions_of_a_lane_beside_are_not_duplicates() -> None:
    logged = [Execution(s.due, s.id, EAST, "p", "GET", 200) for s in samples() if not s.lost]
    again = [entry for entry in logged if int(entry.id[2:]) % 3 == 2]
    found = counted(executions=[*logged, *again])
    assert (found.total.duplicated, found.beside["envoy"].duplicated) == (0, 1000 - BESIDE_LOST)
    assert found.logged == found.total.answered
