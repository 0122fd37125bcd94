"""A run over time: its requests in bins of equal width. Pure functions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from drills.traffic.figures import Latency
from drills.traffic.model import Sample

LOST = "lost"
"""Stands for the cluster of lost requests."""
_WIDTHS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
_MOST = 240  # bins that a chart can show


@dataclass(frozen=True)
class Bin:
    """The requests that were due within one bin."""

    sent: int
    clusters: Mapping[str, int]
    """By answering cluster; those lost under LOST."""
    latency: Latency
    """Of good answers."""


@dataclass(frozen=True)
class Series:
    """A run in bins, as a whole and lane by lane."""

    start: float
    """Begin of the first bin: when the first request was due."""
    width: float
    bins: list[Bin]
    lanes: Mapping[str, list[Mapping[str, int]]]
    """Lane and protocol -> for each bin, requests by answering cluster; see Bin.clusters."""
    beside: Mapping[str, list[Mapping[str, int]]] = field(default_factory=dict)
    """Lanes that are there only to compare, likewise, protocols together; not in the others."""

    @property
    def seconds(self) -> float:
        """How long the run was, to the end of the last bin."""
        return self.width * len(self.bins)

    @property
    def clusters(self) -> list[str]:
        """The clusters that answered, by name."""
        names = {name for one in self.bins for name in one.clusters}
        return sorted(names - {LOST})

    @property
    def answering(self) -> set[str]:
        """The clusters that answered on any lane, those that are there only to compare included."""
        beside = {name for bins in self.beside.values() for one in bins for name in one}
        return {*self.clusters, *beside} - {LOST}


@dataclass
class _Gathered:
    clusters: Counter[str] = field(default_factory=Counter)
    durations: list[float] = field(default_factory=list)


def series(
    samples: Iterable[Sample], start: float, end: float, uncounted: Iterable[str] = ()
) -> Series:
    """Return the requests due from `start` to `end`; lanes in `uncounted` are in `beside` only."""
    width = _width(end - start)
    count = max(1, math.ceil((end - start) / width + 1e-9))
    gathered = [_Gathered() for _ in range(count)]
    lanes: dict[str, list[Counter[str]]] = {}
    beside: dict[str, list[Counter[str]]] = {
        name: [Counter() for _ in range(count)] for name in uncounted
    }
    for sample in samples:
        index = min(count - 1, max(0, int((sample.due - start) / width)))
        who = LOST if sample.lost else sample.cluster
        if sample.lane in beside:
            beside[sample.lane][index][who] += 1
            continue
        lane = f"{sample.lane} {sample.protocol}"
        lanes.setdefault(lane, [Counter() for _ in range(count)])[index][who] += 1
        gathered[index].clusters[who] += 1
        if not sample.lost:
            gathered[index].durations.append(sample.duration)
    return Series(
        start,
        width,
        [Bin(g.clusters.total(), dict(g.clusters), Latency.of(g.durations)) for g in gathered],
        {name: list(lanes[name]) for name in sorted(lanes)},
        {name: list(counts) for name, counts in beside.items()},
    )


def _width(seconds: float) -> float:
    return next((w for w in _WIDTHS if seconds / w <= _MOST), seconds / _MOST)
