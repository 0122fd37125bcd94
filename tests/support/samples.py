"""Requests made up, for the ledger's arithmetic."""

from __future__ import annotations

from drills.traffic import ErrorKind, Event, Objectives, Sample
from drills.traffic.ledger import Ledger, ledger
from tests.support.drill_stack import EAST

T0 = 1_000_000.0


def sample(
    due: float,
    took: float = 0.005,
    *,
    cluster: str = EAST,
    status: int | None = 200,
    error: ErrorKind | None = None,
    key: str | None = None,
    method: str = "GET",
    lane: str = "kept",
    number: int | None = None,
) -> Sample:
    return Sample(
        id=f"r-{number if number is not None else round(due * 1000)}",
        due=T0 + due,
        started=T0 + due + 0.0001,
        duration=took,
        lane=lane,
        method=method,
        protocol="h1",
        key=key,
        status=None if error else status,
        error=error,
        cluster="" if error else cluster,
    )


def counted(*samples: Sample, events: tuple[Event, ...] = (), slowest: float = 0.25) -> Ledger:
    return ledger(samples, events, Objectives(slowest=slowest, moved=None))
