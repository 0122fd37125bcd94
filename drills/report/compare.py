"""Two runs side by side: what each cost, and whether they measured the same thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drills.report.run import Run
from drills.traffic.ledger import Ledger
from drills.traffic.summary import MOMENTS, moments
from drills.traffic.view import milliseconds

Comparison = list[tuple[str, str, str, str]]
"""What is compared, its value in each run, and the change."""


def figures(one: Run, other: Run) -> Comparison:
    """Return the figures of both ledgers."""
    a, b = one.ledger, other.ledger
    counts: list[tuple[str, Callable[[Ledger], int]]] = [
        ("sent", lambda ledger: ledger.total.sent),
        ("lost", lambda ledger: ledger.total.lost),
        ("lost, covered by objectives", lambda ledger: ledger.promised.lost),
        ("slow", lambda ledger: ledger.total.slow),
        ("wrong side", lambda ledger: ledger.total.wrong_side),
    ]
    times: list[tuple[str, Callable[[Ledger], float]]] = [
        ("p50 ms", lambda ledger: ledger.total.latency.p50),
        ("p99 ms", lambda ledger: ledger.total.latency.p99),
        ("slowest ms", lambda ledger: ledger.total.latency.max),
        ("longest gap ms", lambda ledger: ledger.total.gap_seconds),
    ]
    result = [_counts(name, count(a), count(b)) for name, count in counts]
    for name, time in times:
        s, t = time(a), time(b)
        change = f"{(t / s - 1):+.0%}" if s and t and f"{t / s - 1:+.0%}" not in _NONE else ""
        result.append((name, milliseconds(s), milliseconds(t), change))
    if a.total.duplicated is not None and b.total.duplicated is not None:
        result.append(_counts("duplicated", a.total.duplicated, b.total.duplicated))
    return [*result, *_beside(a, b), *_faults(a, b)]


_NONE = ("+0%", "-0%")


def _counts(name: str, x: int, y: int) -> tuple[str, str, str, str]:
    return name, f"{x:,}", f"{y:,}", f"{y - x:+,}" if x != y else ""


def _beside(a: Ledger, b: Ledger) -> Comparison:
    """Return what was lost by the lanes to compare with that both runs have."""
    return [
        _counts(f"{name}: lost", part.lost, b.beside[name].lost)
        for name, part in a.beside.items()
        if name in b.beside
    ]


def _faults(a: Ledger, b: Ledger) -> Comparison:
    """Return the moments of faults that both runs have, the n-th of a name with its n-th."""
    result: Comparison = []
    left = {(i.label, n): i for n, i in enumerate(a.incidents)}
    for n, incident in enumerate(b.incidents):
        before = left.get((incident.label, n))
        if before is None:
            continue
        old, new = dict(moments(before)), dict(moments(incident))
        result += [
            (f"{incident.label}: {name}", old.get(name, "-"), new.get(name, "-"), "")
            for _, name in MOMENTS
            if name in old or name in new
        ]
    return result


def differences(one: Run, other: Run) -> Comparison:
    """Return in what the runs themselves differ, so that only like is taken for like."""
    a, b = _conditions(one), _conditions(other)
    return [
        (name, str(a.get(name, "-")), str(b.get(name, "-")), "differs")
        for name in dict.fromkeys([*a, *b])
        if a.get(name) != b.get(name)
    ]


def _conditions(run: Run) -> dict[str, Any]:
    header = run.header
    plan = header.plan
    made: dict[str, Any] = {
        "title": header.title,
        "stack": header.stack,
        "configuration": header.config_digest,
        "rate": plan.counted_rate if plan else "",
        "time-out": plan.timeout if plan else "",
        "lanes": ", ".join(lane.name for lane in plan.lanes) if plan else "",
        "protocols": ", ".join(plan.protocols) if plan else "",
        "requests": ", ".join(f"{r.method} {r.path}" for r in plan.requests) if plan else "",
        "streams of each kind": plan.streams if plan else "",
        "slow over": run.header.objectives.slowest,
    }
    return made | header.environment
