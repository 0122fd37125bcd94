"""The ledger: what a run cost its clients, counted request by request. Pure functions."""

from __future__ import annotations

import functools
import itertools
import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from drills.traffic.checks import SLOWEST, Check, checks, not_measured
from drills.traffic.executed import Executed, done
from drills.traffic.figures import Gap, Latency, Part
from drills.traffic.incidents import Incident, incidents
from drills.traffic.model import Event, EventKind, Execution, Objectives, Sample, StreamEntry
from drills.traffic.plan import Lane
from drills.traffic.serving import Serving
from drills.traffic.streams import Streams
from drills.traffic.streams import streams as ledger_of_streams

NOBODY = "nobody"
"""Stands for the cluster of requests that nobody answered."""


@dataclass(frozen=True)
class Ledger:
    """What a run cost. `total` leaves lanes out that are there only to compare."""

    objectives: Objectives
    started: float
    """When the first request was due."""
    ended: float
    """When the last one ended."""
    total: Part
    promised: Part
    """Those of `total` that objectives speak of: all but POST without Idempotency-Key."""
    lanes: Mapping[str, Part]
    """Of `total`."""
    beside: Mapping[str, Part]
    """Lanes that are there only to compare; nothing else here speaks of them."""
    clusters: Mapping[str, Part]
    """By answering cluster, of `total`; requests that nobody answered are under NOBODY."""
    kinds: Mapping[str, Part]
    protocols: Mapping[str, Part]
    connections: Mapping[str, Part]
    """`new` and `reused`: as it was, whatever the lane."""
    lateness: Latency
    """How late the generator itself was."""
    logged: int | None
    """Requests with a good answer that the portals' logs hold; None where nobody looked. If these
    are fewer than `total.answered`, there may be more duplicates than are known."""
    incidents: tuple[Incident, ...]
    checks: tuple[Check, ...]
    streams: Mapping[str, Streams] = field(default_factory=dict)
    """By kind; empty where none were kept open."""

    @property
    def uncovered(self) -> int:
        """How many lost requests no objective covers."""
        return self.total.lost - self.promised.lost

    @property
    def met(self) -> bool:
        """Whether every objective was met."""
        return all(check.met for check in self.checks)


@dataclass(slots=True)
class _Tally:
    """Counts of requests that are alike in lane, cluster, kind, protocol and connection."""

    sent: int = 0
    wrong_side: int = 0
    duplicated: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    first_due: float = math.inf
    last_due: float = -math.inf
    last_end: float = -math.inf
    first_failure: float = math.inf
    last_failure: float = -math.inf
    durations: array[float] = field(default_factory=lambda: array("d"))
    ends: array[float] = field(default_factory=lambda: array("d"))

    def add(self, sample: Sample, wrong: bool, duplicated: bool) -> None:
        self.sent += 1
        self.duplicated += duplicated
        ended = sample.ended
        self.first_due = min(self.first_due, sample.due)
        self.last_due = max(self.last_due, sample.due)
        self.last_end = max(self.last_end, ended)
        if (failure := sample.failure) is not None:
            self.failures[failure] += 1
            self.first_failure = min(self.first_failure, ended)
            self.last_failure = max(self.last_failure, ended)
            return
        self.wrong_side += wrong
        self.durations.append(sample.duration)
        self.ends.append(ended)


_Key = tuple[str, str, str, str, bool, bool]  # lane, cluster, kind, protocol, reused, repeatable


def ledger(
    samples: Iterable[Sample],
    events: Sequence[Event],
    objectives: Objectives,
    *,
    executions: Iterable[Execution] | None = None,
    serving: Iterable[str] | None = None,
    uncounted: Iterable[str] = (),
    streams: Iterable[StreamEntry] = (),
    cut: str = "",
) -> Ledger:
    """Return the ledger of a run.

    `executions` are what portals logged; None if nobody looked. `serving` are the clusters that
    alone may answer at the start (None: any), which events may change. `uncounted` names lanes
    that the objectives do not speak of. `samples` is gone through once, in any order; `streams` are
    in order of time. With `cut`, see `ending.cut_short`, no objective is judged.
    """
    sides = Serving(serving, events)
    executed = None if executions is None else Executed(executions)
    logged = 0
    tallies: defaultdict[_Key, _Tally] = defaultdict(_Tally)
    lateness = array("d")
    left_out = set(uncounted)
    counted: list[Sample] = []
    fault = min((event.at for event in events if event.kind is EventKind.FAULT), default=math.inf)
    usual = 0.0
    for sample in samples:
        cluster = sample.cluster or NOBODY
        wrong = sides.wrong(sample)
        times = executed.times(sample, done) if executed else 0
        key = (sample.lane, cluster, sample.kind, sample.protocol, sample.reused, sample.repeatable)
        tallies[key].add(sample, wrong, times > 1)
        logged += sample.lane not in left_out and not sample.failure and times > 0
        lateness.append(sample.started - sample.due)
        if sample.lane in left_out:
            continue
        if sample.ended < fault and sample.repeatable and not sample.failure:
            usual = max(usual, sample.duration)
        if fault < math.inf:
            counted.append(sample)
    is_unknown = objectives.beyond_usual and not usual
    objectives = objectives.with_usual(usual)

    def part(fits: Callable[[_Key], bool]) -> Part:
        chosen = [tally for key, tally in tallies.items() if fits(key)]
        return _part(chosen, objectives.slowest, duplicates_known=executed is not None)

    def split(field: int) -> dict[str, Part]:
        names = sorted({str(key[field]) for key in tallies if key[0] not in left_out})
        return {name: part(functools.partial(fits, field, name)) for name in names}

    def fits(field: int, name: str, key: _Key) -> bool:
        return str(key[field]) == name and key[0] not in left_out

    lanes = sorted({key[0] for key in tallies}, key=_lane_order)
    total = part(lambda key: key[0] not in left_out)
    promised = part(lambda key: key[0] not in left_out and key[5])
    by_lane = {lane: part(functools.partial(_is_lane, lane)) for lane in lanes}
    beside = {lane: by_lane.pop(lane) for lane in lanes if lane in left_out}
    found = tuple(incidents(counted, events, executed))
    kept_until = max((t.last_due for t in tallies.values()), default=0.0)
    kinds = ledger_of_streams(streams, kept_until)
    judged = checks(promised, found, objectives, kinds)
    if is_unknown:
        why = "no request ended before the fault; have a longer baseline"
        judged = [not_measured(c, why) if c.name == SLOWEST else c for c in judged]
    if cut:
        judged = [not_measured(check, "ended before its time") for check in judged]
    connections = split(4)
    return Ledger(
        objectives=objectives,
        started=min((t.first_due for t in tallies.values()), default=0.0),
        ended=max((t.last_end for t in tallies.values()), default=0.0),
        total=total,
        promised=promised,
        lanes=by_lane,
        beside=beside,
        clusters=split(1),
        kinds=split(2),
        protocols=split(3),
        connections={
            name: connections[str(flag)]
            for name, flag in (("reused", True), ("new", False))
            if str(flag) in connections
        },
        lateness=Latency.of(lateness),
        logged=None if executed is None else logged,
        incidents=found,
        checks=tuple(judged),
        streams=kinds,
    )


def _part(tallies: Sequence[_Tally], slowest: float, duplicates_known: bool) -> Part:
    failures: Counter[str] = Counter()
    durations, ends = array("d"), array("d")
    for tally in tallies:
        failures.update(tally.failures)
        durations.extend(tally.durations)
        ends.extend(tally.ends)
    lost = sum(failures.values())
    return Part(
        sent=sum(t.sent for t in tallies),
        lost=lost,
        slow=sum(duration > slowest for duration in durations),
        duplicated=sum(t.duplicated for t in tallies) if duplicates_known else None,
        wrong_side=sum(t.wrong_side for t in tallies),
        failures=dict(failures.most_common()),
        latency=Latency.of(durations),
        first_failure=min(t.first_failure for t in tallies) if lost else None,
        last_failure=max(t.last_failure for t in tallies) if lost else None,
        longest_gap=_longest_gap(
            ends,
            min((t.first_due for t in tallies), default=math.inf),
            max((t.last_end for t in tallies), default=-math.inf),
        ),
    )


def _longest_gap(ends: Iterable[float], start: float, end: float) -> Gap | None:
    """Return the longest stretch of [start, end] in which nothing ended well."""
    if start >= end:
        return None
    points = [start, *sorted(ends), end]
    pairs = itertools.pairwise(points)
    return max((Gap(a, b) for a, b in pairs), key=lambda gap: gap.seconds)


def _is_lane(lane: str, key: _Key) -> bool:
    return key[0] == lane


def _lane_order(lane: str) -> tuple[int, str]:
    known = [str(Lane.KEPT), str(Lane.NEW)]
    return (known.index(lane) if lane in known else len(known), lane)
