"""What each lane cost, from samples and records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drills.compare import (
    figures,
    page,
    recorded,
    run,
)
from drills.compare.balancers import DIRECT, OURS
from drills.compare.figures import CALM, PATIENCE, Measured
from drills.compare.usage import Usage
from drills.traffic import (
    ErrorKind,
    Event,
    EventKind,
    Execution,
    Header,
    LanePlan,
    Sample,
    TrafficPlan,
    record,
)
from drills.traffic.executed import Executed

EAST, WEST = "east-cluster", "west-cluster"


# -- figures ---------------------------------------------------------------------------------------

T0 = 1000.0
EVENTS = [
    Event(T0, EventKind.PHASE, CALM),
    Event(T0 + 10, EventKind.FAULT, "gateway-gone", WEST),
    Event(T0 + 20, EventKind.FIX, "gateway-gone", WEST),
    Event(T0 + 30, EventKind.FAULT, PATIENCE),
    Event(T0 + 40, EventKind.FIX, PATIENCE),
]


def sample(
    at: float, cluster: str = EAST, *, took: float = 0.01, lane: str = OURS, **more: Any
) -> Sample:
    """Gives a good answer, unless `more` says otherwise; its id is when it was due."""
    return Sample(
        **{
            "id": f"{lane}-{at:g}",
            "due": T0 + at,
            "started": T0 + at,
            "duration": took,
            "lane": lane,
            "method": "GET",
            "protocol": "h1",
            "status": 200,
            "cluster": cluster,
            **more,
        }
    )


def lost(at: float, **more: Any) -> Sample:
    return sample(at, "", status=None, error=ErrorKind.REFUSED, **more)


BEFORE = [sample(n / 2, WEST if n % 2 else EAST) for n in range(20)]
AFTER = [sample(21 + n / 2, WEST if n % 2 else EAST) for n in range(16)]


def executed(samples: Sequence[Sample], status: int = 200) -> list[Execution]:
    return [Execution(s.due, s.id, s.cluster or EAST, "p", "GET", status) for s in samples]


def test_a_lane_that_leaves_has_a_time_and_one_that_does_not_has_none() -> None:
    left = [*BEFORE, lost(10.5), *[sample(11 + n / 2, took=0.3) for n in range(18)], *AFTER]
    costs = figures.under_faults(left, EVENTS, Executed(executed(left)))
    gone = costs["gateway-gone"]
    assert (gone.sent, gone.lost, gone.slowest) == (34 + 1, 1, 0.3)
    assert (gone.moved, gone.back) == (0.5, pytest.approx(1.51))
    stayed = [*BEFORE, *[lost(10 + n / 2) for n in range(20)], *AFTER]
    gone = figures.under_faults(stayed, EVENTS, Executed([]))["gateway-gone"]
    assert (gone.lost, gone.moved, gone.executions) == (20, None, None)


def test_executions_count_what_was_begun_for_nobody_and_not_what_was_refused() -> None:
    slow = [sample(31 + n, took=2.0) for n in range(4)]
    twice = [*executed(slow), *executed(slow, 0), *executed(slow, 503)]
    cost = figures.under_faults([*BEFORE, *slow], EVENTS, Executed(twice))[PATIENCE]
    assert (cost.sent, cost.lost, cost.slowest, cost.executions) == (4, 0, 2.0, 2.0)


def test_orders_without_a_key_are_not_counted_under_a_fault() -> None:
    orders = [lost(12, method="POST"), lost(13, method="POST", key="k"), sample(14)]
    cost = figures.under_faults([*BEFORE, *orders], EVENTS, Executed([]))["gateway-gone"]
    assert (cost.sent, cost.lost) == (2, 1)


def test_the_calm_part_ends_with_the_first_fault_and_is_compared_in_one_protocol() -> None:
    span = figures.calm_span(EVENTS)
    over = Event(T0 + 5, EventKind.PHASE, figures.CALM_OVER)
    assert (span, figures.calm_span([*EVENTS, over])) == ((T0, T0 + 10), (T0, T0 + 5))
    mine = [sample(n, took=0.004) for n in range(10)]
    other = [sample(n + 0.5, took=0.1, protocol="h2") for n in range(9)]
    direct = [sample(n, took=0.001, lane=DIRECT) for n in range(10)]
    measured = Measured(Usage(0.05, 1), 5.0, Usage(0.019, 2), Usage(9.0, 3 << 20))
    unknown = figures.calm(mine, span, direct, replace(measured, idle=None, calm=None))
    assert (unknown.cpu, unknown.idle, unknown.memory) == (None, None, 3 << 20)
    cost = figures.calm([*mine, *other, sample(12, took=9)], span, direct, measured)
    assert (cost.answered, cost.lost, cost.p50, cost.p99) == (19, 0, 0.004, 0.1)
    assert cost.added == pytest.approx(0.003)
    assert (cost.cpu, cost.idle, cost.memory) == (pytest.approx(1.0), 0.01, 3 << 20)
    assert figures.calm(mine, span, []).added is None


def test_a_balancer_that_has_ended_takes_no_memory_that_ours_is_compared_with() -> None:
    used = dict.fromkeys((OURS, "nginx"), Usage(1.0, 1 << 20))
    end = {**used, "nginx": Usage(0.0, 0)}
    assert figures.measured(used, 5.0, used, end, ()).keys() == {OURS, "nginx"}
    found = figures.measured(used, 5.0, used, end, {"nginx": "it ended"})
    assert found == {OURS: Measured(used[OURS], 5.0, used[OURS], used[OURS])}


def test_a_record_is_compared_lane_by_lane(tmp_path: Path) -> None:
    lanes = (LanePlan(OURS, "https://x/", True), LanePlan("nginx", "https://y/", True, False))
    plan = TrafficPlan(
        lanes=(*lanes, LanePlan(DIRECT, "https://z/", True, False, protocols=("h1",)))
    )
    with record.Writer(tmp_path / record.FILE, Header("r", T0, plan=plan)) as writer:
        for n, name in enumerate((OURS, "nginx", DIRECT)):
            for each in [*BEFORE, *AFTER]:
                writer.write(replace(each, lane=name, duration=0.01 * (n + 1)))
        writer.write(lost(12, lane="nginx"))
        for event in EVENTS:
            writer.write(event)
    assert record.read(tmp_path).header.plan == plan
    usage_ = {OURS: Measured(Usage(0, 0), 5.0, Usage(0.02, 0), Usage(0, 1 << 20))}
    made = run.conditions(record.header(tmp_path), run.Pace())
    found = recorded.compare(tmp_path, usage_, {"nginx": "nginx 1"}, {"caddy": "no reason"}, made)
    assert list(found.faults) == ["gateway-gone", PATIENCE]
    assert {n: c.lost for n, c in found.faults["gateway-gone"].items()} == {
        OURS: 0,
        "nginx": 1,
        DIRECT: 0,
    }
    assert found.calm[OURS].cpu == pytest.approx(1.0) and found.calm["nginx"].cpu is None
    assert found.versions.keys() == {OURS, "nginx"}
    assert any("20 requests/s; 20 s without a fault" in line for line in found.conditions)


def test_what_was_measured_before_an_end_is_compared(tmp_path: Path) -> None:
    plan = TrafficPlan(lanes=(LanePlan(OURS, "https://x/", True),))
    for number, (kept, faults, words) in enumerate(
        (
            (EVENTS[:1], [], "in the part without a fault"),
            (EVENTS[:2], [], "during gateway-gone, which is left out"),
            (EVENTS[:3], ["gateway-gone"], "after gateway-gone was mended"),
            (EVENTS[:4], ["gateway-gone"], f"during {PATIENCE}, which is left out"),
        )
    ):
        folder = tmp_path / str(number)
        with record.Writer(folder / record.FILE, Header("r", T0, plan=plan)) as writer:
            for entry in [*BEFORE, *AFTER, *kept]:
                writer.write(entry)
        found = recorded.compare(folder, {}, {}, {}, (), whole=False)
        assert list(found.faults) == faults
        assert page.headline(found).startswith(f"Ended before its time, {words}. Our edge lost 0 ")
        assert recorded.compare(folder, {}, {}, {}, ()).cut == ""
