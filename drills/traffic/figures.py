"""The figures of some requests, as ledger and live view show them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Latency:
    """Exact percentiles, in seconds; all 0 when there is nothing to speak of."""

    p50: float = 0.0
    p99: float = 0.0
    p999: float = 0.0
    max: float = 0.0

    @staticmethod
    def of(values: Iterable[float]) -> Latency:
        """Return the percentiles by nearest rank: p99 is a value that was measured."""
        ordered = sorted(values)
        if not ordered:
            return Latency()

        def rank(share: float) -> float:
            return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

        return Latency(rank(0.5), rank(0.99), rank(0.999), ordered[-1])


@dataclass(frozen=True)
class Gap:
    """A time without any good answer."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.end - self.start


@dataclass(frozen=True)
class Part:
    """The ledger of some of the requests: of all, of a lane, of a cluster..."""

    sent: int = 0
    lost: int = 0
    """No good answer: an error, a time-out, or a status other than 2xx and 3xx."""
    slow: int = 0
    """Good, but slower than the objective."""
    duplicated: int | None = None
    """Executed more than once by portals; None where their logs were not read."""
    wrong_side: int = 0
    """Answered by a cluster that should not have, at that time."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """Lost requests by error kind or status, the most frequent first."""
    latency: Latency = field(default_factory=Latency)
    """Of good answers, from when they were due."""
    first_failure: float | None = None
    """When the first lost request failed."""
    last_failure: float | None = None
    longest_gap: Gap | None = None
    """The longest time between two good answers (or the part's start or end)."""

    @property
    def answered(self) -> int:
        """How many got a good answer."""
        return self.sent - self.lost

    @property
    def gap_seconds(self) -> float:
        """How long the longest gap was; 0 without one."""
        return self.longest_gap.seconds if self.longest_gap else 0.0
