"""How a cluster got its share of the requests back, second by second. Pure functions."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from drills.traffic.model import Sample

LONGEST = 120
"""Seconds after the first answer that are looked at."""
BACK = 0.8
"""Part of its former share at which a cluster counts as back."""


@dataclass(frozen=True)
class Return:
    """The return of a cluster. Shares are parts of all requests, rates good answers a second."""

    due: float
    """The share that the cluster had before the fault."""
    rate: float
    """The rate that it had before the fault."""
    shares: tuple[float, ...]
    """Its share in each second from its first answer on, until it stays at what is due, or to the
    end of what was seen."""
    herd: float
    """The rate of its first second, as a part of the rate before: what cold caches meet."""
    peak: float
    """The highest rate of a second of the return, likewise."""

    @property
    def seconds(self) -> int:
        """Return how many seconds it took until the share was whole, if it `is_whole`."""
        return len(self.shares)

    @property
    def is_whole(self) -> bool:
        """Whether it had about its former share at last."""
        return bool(self.shares) and self.shares[-1] >= BACK * self.due


def returned(before: Sequence[Sample], after: Sequence[Sample], cluster: str) -> Return | None:
    """Return how a cluster came back; None if it served nothing before, or not a second after.

    `before` are the samples of the time before the fault, `after` those since the fix.
    """
    served = [s for s in before if not s.failure and s.cluster == cluster]
    back = min((s.ended for s in after if not s.failure and s.cluster == cluster), default=None)
    if not served or back is None:
        return None
    took = max(s.ended for s in before) - min(s.due for s in before)
    due, rate = len(served) / len(before), len(served) / took if took else 0.0
    sent: Counter[int] = Counter()
    own: Counter[int] = Counter()
    over = max(s.ended for s in after)
    for sample in after:
        second = math.floor(sample.ended - back)
        if 0 <= second < min(LONGEST, over - back):
            sent[second] += 1
            own[second] += not sample.failure and sample.cluster == cluster
    whole = range(min(LONGEST, int(over - back)))  # the last one may not be over
    if not whole:
        return None
    shares = [own[second] / sent[second] if sent[second] else 0.0 for second in whole]
    rates = [own[second] / rate if rate else 0.0 for second in whole]
    return Return(due, rate, _until_due(shares, due), rates[0], max(rates))


def _until_due(shares: Sequence[float], due: float) -> tuple[float, ...]:
    """Return the shares up to the first second from which on they are about what is due."""
    late = [number for number, share in enumerate(shares) if share < BACK * due]
    return tuple(itertools.islice(shares, (late[-1] + 2) if late else 1))


def in_words(found: Return, cluster: str) -> str:
    """Return a sentence about a return, for people."""
    parts = ", ".join(f"{share:.0%}" for share in found.shares)
    verb = "returned to" if found.is_whole else "had not yet"
    return (
        f"{cluster} {verb} {found.due:.0%} of the requests in {found.seconds} s, by second:"
        f" {parts}. Its first second had {found.herd:.0%} of its former rate, the busiest"
        f" {found.peak:.0%}."
    )
