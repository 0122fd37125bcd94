"""How a cluster that has failed gets its share of the requests back, once it is well again.

Pure functions. The edge splits requests into steps by their shares. Each step returns to the
cluster after a time of its own, or waits until it is told to.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RAMP_SHARES = (10, 15, 20, 25, 30)
"""Percent of the requests that each step of a ramp adds: small at first, for caches are cold."""

MOST_STEPS = len(RAMP_SHARES)
"""In how many steps requests return at most."""


class Failback(StrEnum):
    """When requests return to a cluster that is well again (config key `failback`)."""

    AT_ONCE = "atOnce"
    RAMPED = "ramped"
    MANUAL = "manual"


@dataclass(frozen=True)
class Step:
    """A part of the requests that returns together."""

    share: int
    """Percent of the requests."""
    later: float | None
    """Seconds after the first step; None: only when somebody says so."""


def steps(failback: Failback, ramp: float) -> tuple[Step, ...]:
    """Return the steps in which requests return; none where all return at once.

    `ramp` is the time in seconds from the first step to the last one.
    """
    if failback is Failback.MANUAL:
        return (Step(100, None),)
    if failback is Failback.RAMPED:
        last = len(RAMP_SHARES) - 1
        return tuple(Step(share, ramp * n / last) for n, share in enumerate(RAMP_SHARES))
    return ()
