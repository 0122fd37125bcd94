"""Ten seconds of traffic with a lane beside, which is not counted."""

from __future__ import annotations

from pathlib import Path

from drills.traffic import (
    ErrorKind,
    Event,
    EventKind,
    Execution,
    Header,
    LanePlan,
    Objectives,
    Sample,
    TrafficPlan,
    record,
)
from drills.traffic.ledger import Ledger, ledger
from tests.support.drill_stack import EAST, WEST

T0 = 1_000_000.0
FAULT = Event(T0 + 2, EventKind.FAULT, "gone", EAST, serving=(WEST,), within=0.5)
FIX = Event(T0 + 8, EventKind.FIX, "gone", EAST)
BESIDE_LOST = 300


def beside(url: str) -> list[LanePlan]:
    return [LanePlan("envoy", url, True, counted=False)]


def samples() -> list[Sample]:
    """Ten seconds; by a lane beside every other request of six of them is lost."""
    made = []
    for n in range(3000):
        lane = ("kept", "new", "envoy")[n % 3]
        at, even = n / 300, n // 3 % 2 == 0
        gone = 2 <= at < 8
        lost = lane == "envoy" and even and gone
        there = EAST if even and (lane == "envoy" or not gone) else WEST
        made.append(
            Sample(
                id=f"r-{n}",
                due=T0 + at,
                started=T0 + at,
                duration=1.0 if lost else 0.004,
                lane=lane,
                method="GET",
                protocol="h1" if n // 3 % 4 < 2 else "h2",
                status=None if lost else 200,
                error=ErrorKind.TIMEOUT if lost else None,
                cluster="" if lost else there,
            )
        )
    return made


def outage() -> list[Sample]:
    """The same, but by a lane beside nobody answers for six seconds."""
    return [s for s in samples() if s.lane != "envoy" or s.lost or not 2 <= s.due - T0 < 8]


def counted(found: list[Sample] | None = None, executions: list[Execution] | None = None) -> Ledger:
    objectives = Objectives(slowest=0.1, moved=1.0, gap=0.5)
    events = [FAULT, FIX]
    return ledger(
        found or samples(), events, objectives, executions=executions, uncounted=["envoy"]
    )


def write(folder: Path, found: list[Sample] | None = None) -> Path:
    plan = TrafficPlan.to("https://x/web-portal", rate=200).beside(
        beside("https://y/web-portal"), "h"
    )
    objectives = Objectives(slowest=0.1, moved=1.0)
    header = Header(run=folder.name, started=T0, plan=plan, objectives=objectives)
    with record.Writer(folder / record.FILE, header) as writer:
        for entry in [FAULT, FIX, *(found or samples())]:
            writer.write(entry)
    return folder
