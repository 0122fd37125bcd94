"""What each lane of a comparison cost, from its record. Pure functions; times in seconds."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from drills.compare.usage import Usage
from drills.traffic import Event, EventKind, Sample
from drills.traffic.executed import Executed, begun
from drills.traffic.figures import Latency
from drills.traffic.incidents import incidents

PATIENCE = "page-of-2-s"
"""Name of the part in which nothing is broken, but every page takes two seconds."""

CALM = "calm"
"""Name of the event with which the part without a fault begins."""

CALM_OVER = "calm-over"
"""Name of the event with which it ends: while usage is read, requests go on."""

COMPARED = "h1"
"""Protocol of the requests by which latencies are compared: the lane without a balancer has it."""


@dataclass(frozen=True)
class UnderFault:
    """What one lane cost while a fault was in force and until the next one."""

    sent: int
    """Requests that may be sent again: GET, and POST with an Idempotency-Key."""
    lost: int
    """Of these."""
    slowest: float
    """The slowest good answer; 0 if there was none."""
    moved: float | None
    """Time until answers came from elsewhere; None: not before the fix."""
    back: float | None
    """Time from the fix to the first answer of the struck side; None: none, or it never left."""
    executions: float | None
    """Executions for each request with a good answer; None if there was none, or no log."""
    used: bool = True
    """Whether the struck side answered before; else there is nothing to move from."""

    @property
    def left(self) -> float | None:
        """Time until answers came from elsewhere; endless if not before the fix."""
        return math.inf if self.moved is None and self.used else self.moved


@dataclass(frozen=True)
class Calm:
    """What one lane cost without a fault."""

    answered: int
    lost: int
    p50: float
    p99: float
    added: float | None
    """What the balancer adds to the median; None without a lane that has none."""
    cpu: float | None = None
    """Seconds of a processor for 1,000 requests, checks of health included; None: not known."""
    idle: float | None = None
    """Seconds of a processor in a second without requests."""
    memory: int | None = None
    """Bytes after the faults."""


@dataclass(frozen=True)
class Measured:
    """What was read of one balancer's processes: before the calm part, after it, at the end.

    None is not known.
    """

    idle: Usage | None
    idle_seconds: float
    """How long it was idle; `idle` is what it used meanwhile."""
    calm: Usage | None
    """What it used in the calm part."""
    end: Usage


def measured(
    idle: Mapping[str, Usage | None],
    idle_seconds: float,
    calm: Mapping[str, Usage | None],
    end: Mapping[str, Usage],
    ended: Collection[str],
) -> dict[str, Measured]:
    """Return what was read of each lane's processes; nothing of those that have ended."""
    there = [lane for lane in calm if lane not in ended]
    return {lane: Measured(idle[lane], idle_seconds, calm[lane], end[lane]) for lane in there}


@dataclass(frozen=True)
class Part:
    """One fault, from its event to the next one's."""

    name: str
    cluster: str
    begin: float
    end: float


def parts(events: Sequence[Event], over: float) -> list[Part]:
    """Return the faults of a run in order; `over` is when its last request ended."""
    faults = sorted((e for e in events if e.kind is EventKind.FAULT), key=lambda e: e.at)
    ends = [*(fault.at for fault in faults[1:]), over]
    pairs = zip(faults, ends, strict=False)  # without a fault there is an end more
    return [Part(f.name, f.cluster, f.at, end) for f, end in pairs]


def unmended(events: Sequence[Event]) -> str:
    """Return the fault that was not mended on the record; empty if there is none.

    Its lanes had less time than those of the others.
    """
    mended = {event.name for event in events if event.kind is EventKind.FIX}
    return next((part.name for part in parts(events, 0.0) if part.name not in mended), "")


def cut_in(events: Sequence[Event]) -> str:
    """Return when a comparison was cut short, in words, by its last fault."""
    if name := unmended(events):
        return f"during {name}, which is left out"
    faults = parts(events, 0.0)
    return f"after {faults[-1].name} was mended" if faults else "in the part without a fault"


def calm_span(events: Sequence[Event]) -> tuple[float, float]:
    """Return when the part without a fault began and ended. Raises ValueError without one."""
    begin = next((e.at for e in events if (e.kind, e.name) == (EventKind.PHASE, CALM)), None)
    if begin is None:
        raise ValueError("the record has no part without a fault")
    ends = [e.at for e in events if e.kind is EventKind.FAULT or e.name == CALM_OVER]
    return begin, min(ends, default=math.inf)


def under_faults(
    samples: Sequence[Sample], events: Sequence[Event], executed: Executed
) -> dict[str, UnderFault]:
    """Return what one lane cost, fault by fault. `samples` are those of the lane."""
    moments = {(i.name, i.fault): i for i in incidents(samples, events)}
    found = {}
    for part in parts(events, max((s.ended for s in samples), default=0.0)):
        within = [s for s in samples if part.begin <= s.due < part.end and s.repeatable]
        good = [s for s in within if not s.lost]
        incident = moments[part.name, part.begin]
        found[part.name] = UnderFault(
            sent=len(within),
            lost=len(within) - len(good),
            slowest=max((s.duration for s in good), default=0.0),
            moved=incident.seconds_to(incident.all_moved),
            back=incident.seconds_after_fix(incident.failed_back),
            executions=_executions(within, good, executed),
            used=incident.used,
        )
    return found


def _executions(
    within: Sequence[Sample], good: Sequence[Sample], executed: Executed
) -> float | None:
    times = sum(executed.times(s, begun) for s in within)
    return times / len(good) if good and times else None


def calm(
    samples: Sequence[Sample],
    span: tuple[float, float],
    direct: Sequence[Sample],
    measured: Measured | None = None,
) -> Calm:
    """Return what one lane cost without a fault. `direct` are samples without a balancer."""
    within = [s for s in samples if span[0] <= s.due < span[1]]
    good = [s.duration for s in within if not s.lost]
    latency = Latency.of(good)
    alike = _median(within, span)
    floor = _median(direct, span)
    used = measured and measured.calm
    unused = measured and measured.idle
    return Calm(
        answered=len(good),
        lost=len(within) - len(good),
        p50=latency.p50,
        p99=latency.p99,
        added=None if floor is None or alike is None else alike - floor,
        cpu=used.cpu / len(good) * 1000 if used and good else None,
        idle=unused.cpu / measured.idle_seconds if measured and unused else None,
        memory=measured.end.memory if measured else None,
    )


def _median(samples: Sequence[Sample], span: tuple[float, float]) -> float | None:
    alike = [
        s.duration
        for s in samples
        if span[0] <= s.due < span[1] and s.protocol == COMPARED and not s.lost
    ]
    return Latency.of(alike).p50 if alike else None
