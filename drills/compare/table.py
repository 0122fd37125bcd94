"""A comparison for people: tables, and in which columns our edge is behind. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from drills.compare.balancers import DIRECT, OURS
from drills.compare.figures import PATIENCE, Calm, UnderFault
from drills.traffic.view import milliseconds

FAULT_HEADS = ("lane", "sent", "lost", "slowest ms", "moved s", "back s", "executions per request")
CALM_HEADS = (
    "lane",
    "answered",
    "lost",
    "p50 ms",
    "p99 ms",
    "added ms",
    "CPU s per 1,000",
    "idle CPU ms/s",
    "memory MiB",
)

NEVER = "never"
NOT_STRUCK = "not struck"
"""A lane that did not use the struck side when the fault came: an earlier one still held it off."""
_NONE = "-"

Lines = list[tuple[str, ...]]
_Cost = TypeVar("_Cost", UnderFault, Calm)


@dataclass(frozen=True)
class Comparison:
    """All that was measured; names are those of lanes, the order that of the columns' reader."""

    faults: Mapping[str, Mapping[str, UnderFault]]
    """Fault -> lane -> what it cost."""
    calm: Mapping[str, Calm]
    versions: Mapping[str, str] = field(default_factory=dict)
    """Lane -> program and version."""
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Balancer that is not there -> why."""
    conditions: Sequence[str] = ()
    """When, where and how it was measured, a line each."""
    cut: str = ""
    """When it was cut short, in words; empty if it was not."""


def fault_lines(lanes: Mapping[str, UnderFault], *, moves: bool = True) -> Lines:
    """Return a line for each lane, as FAULT_HEADS has them."""
    struck = moves and any(cost.used for cost in lanes.values())
    never = {True: NEVER, False: NOT_STRUCK} if struck else {True: _NONE, False: _NONE}
    return [(lane, *_fault_cells(cost, never[cost.used])) for lane, cost in lanes.items()]


def calm_lines(lanes: Mapping[str, Calm]) -> Lines:
    """Return a line for each lane, as CALM_HEADS has them."""
    return [(lane, *_calm_cells(cost)) for lane, cost in lanes.items()]


def _fault_cells(cost: UnderFault, never: str) -> tuple[str, ...]:
    return (
        f"{cost.sent:,}",
        f"{cost.lost:,}",
        milliseconds(cost.slowest) if cost.slowest else _NONE,
        never if cost.moved is None else f"{cost.moved:.2f}",
        _NONE if cost.back is None else f"{cost.back:.2f}",
        _NONE if cost.executions is None else f"{cost.executions:.2f}",
    )


def _calm_cells(cost: Calm) -> tuple[str, ...]:
    return (
        f"{cost.answered:,}",
        f"{cost.lost:,}",
        milliseconds(cost.p50),
        milliseconds(cost.p99),
        _NONE if cost.added is None else f"{cost.added * 1000:+.1f}",
        _NONE if cost.cpu is None else f"{cost.cpu:.2f}",
        _NONE if cost.idle is None else f"{cost.idle * 1000:.1f}",
        _NONE if cost.memory is None else f"{cost.memory / (1 << 20):.0f}",
    )


@dataclass(frozen=True)
class _Column:
    """What is compared: the smaller the better; differences up to `slack` are noise."""

    name: str
    value: Callable[[Any], float | None]
    """Of what a lane cost, under a fault or without."""
    slack: float
    shown: Callable[[float], str]


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value < float("inf") else NEVER


def _in(unit: str, factor: float = 1) -> Callable[[float], str]:
    return lambda value: f"{value * factor:.3g}{unit}"


_COLUMNS = (
    _Column("lost", lambda cost: cost.lost, 0.0, lambda value: f"{value:,.0f}"),
    # 50 ms: scheduling on a machine that all lanes share
    _Column("slowest", lambda cost: cost.slowest or None, 0.05, _seconds),
    _Column("moved", lambda cost: cost.left, 0.2, _seconds),
    _Column("back", lambda cost: cost.back, 0.5, _seconds),
    _Column("executions", lambda cost: cost.executions, 0.02, lambda value: f"{value:.2f}"),
)

_CALM_COLUMNS = (
    _Column("lost", lambda cost: cost.lost, 0.0, _in("")),
    _Column("p50", lambda cost: cost.p50, 0.0005, _in(" ms", 1000)),
    # scheduling on a machine that all lanes share
    _Column("p99", lambda cost: cost.p99, 0.005, _in(" ms", 1000)),
    _Column("added latency", lambda cost: cost.added, 0.0005, _in(" ms", 1000)),
    _Column("CPU per 1,000 requests", lambda cost: cost.cpu, 0.05, _in(" s")),
    _Column("CPU without requests", lambda cost: cost.idle, 0.0005, _in(" ms/s", 1000)),
    _Column("memory", lambda cost: cost.memory, 1 << 20, _in(" MiB", 1 / (1 << 20))),
)


def behind(comparison: Comparison) -> list[str]:
    """Return where our edge is not best or equal, a line each; empty if nowhere.

    Under faults only those lanes count that were struck and lost no more than ours: to be quick by
    giving up is no merit. Differences within the noise of one machine count as equal.
    """
    found = []
    for fault, lanes in comparison.faults.items():
        ours = lanes.get(OURS)
        if ours is None:
            continue
        rivals = {n: cost for n, cost in _rivals(lanes).items() if cost.used >= ours.used}
        peers = {name: cost for name, cost in rivals.items() if cost.lost <= ours.lost}
        for column in _COLUMNS:
            if fault == PATIENCE and column.name in ("moved", "back"):
                continue
            if told := _worse(column, ours, rivals if column.name == "lost" else peers):
                found.append(f"{fault}: {told}")
    if calm := comparison.calm.get(OURS):
        for column in _CALM_COLUMNS:
            if told := _worse(column, calm, _rivals(comparison.calm)):
                found.append(f"no fault: {told}")
    return found


def _rivals(lanes: Mapping[str, _Cost]) -> dict[str, _Cost]:
    return {name: cost for name, cost in lanes.items() if name not in (OURS, DIRECT)}


def _worse(column: _Column, ours: _Cost, others: Mapping[str, _Cost]) -> str:
    """Return our figure and the best of the others', if ours is worse; else empty."""
    mine = column.value(ours)
    values = {n: v for n, c in others.items() if (v := column.value(c)) is not None}
    if mine is None or not values:
        return ""
    best = min(values, key=lambda name: values[name])
    if mine <= values[best] + column.slack:
        return ""
    return f"{column.name} {column.shown(mine)}, {best} {column.shown(values[best])}"


def doubt(comparison: Comparison) -> str:
    """Return which lanes lost requests while nothing was broken; empty if none did.

    Then the machine was too busy, or a configuration does not fit: other figures of theirs say
    nothing.
    """
    lost = [name for name, cost in comparison.calm.items() if cost.lost or not cost.answered]
    if not lost:
        return ""
    return f"While nothing was broken these lanes lost requests: {', '.join(lost)}. Measure again"


def sections(comparison: Comparison) -> list[tuple[str, Sequence[str], Lines]]:
    """Return title, heads and lines of each table, in the order in which they are read."""
    made: list[tuple[str, Sequence[str], Lines]] = [
        (name, FAULT_HEADS, fault_lines(lanes, moves=name != PATIENCE))
        for name, lanes in comparison.faults.items()
    ]
    return [*made, ("no fault", CALM_HEADS, calm_lines(comparison.calm))]
