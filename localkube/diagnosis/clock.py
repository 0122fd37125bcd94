"""A clock that has jumped: certificates that are not yet valid or no longer, files of the future.

Leases and time-outs heal by themselves: the kernel counts them by a clock that does not jump.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from localkube.diagnosis import Finding

TOLERANCE = 60.0
"""So many seconds a file may be newer than now: clocks are adjusted by less all the time."""


@dataclass(frozen=True)
class Times:
    """What the clock said when a lab was made, in seconds since the epoch."""

    valid_from: float
    """When the newest of its certificates begins to be valid."""
    valid_until: float
    """When the first of them ends."""
    newest: float
    """When the newest file was written that nothing rewrites."""


def judge(times: Times, now: float, stack: str) -> Finding | None:
    """Return what the clock has done to a lab; None if nothing. Pure."""
    anew = f"./demo destroy {stack} and ./demo up {stack} make new ones"
    if now < times.valid_from:
        back = _length(max(times.newest, times.valid_from) - now)
        return Finding(
            f"the clock went back by {back} or more: certificates of the clusters are valid from"
            f" {_date(times.valid_from)}, and now is {_date(now)}",
            f"set the clock, or {anew}",
        )
    if now > times.valid_until:
        return Finding(
            f"certificates of the clusters were valid until {_date(times.valid_until)}, and now is"
            f" {_date(now)}",
            f"set the clock if it is wrong; else {anew}",
        )
    if times.newest - now > TOLERANCE:
        return Finding(
            f"the clock went back by {_length(times.newest - now)} or more: the clusters have files"
            f" of {_date(times.newest)}, and now is {_date(now)}",
            "set the clock; the clusters serve on, for their certificates are valid",
            is_over=True,
        )
    return None


def look(lab: Path, now: float | None = None) -> Finding | None:
    """Return what the clock has done to a lab; None if nothing, or if there is no lab."""
    times = read(lab.glob("clusters/*/pki/**/*.crt"))
    if times is None:
        return None
    return judge(times, time.time() if now is None else now, lab.parent.name)


def read(certificates: Iterable[Path]) -> Times | None:
    """Return the times of some certificates' files; None if none can be read."""
    from cryptography import x509  # takes a tenth of a second

    valid_from, valid_until, written = [], [], []
    for file in certificates:
        with contextlib.suppress(OSError, ValueError):  # deleted meanwhile, or damaged
            certificate = x509.load_pem_x509_certificate(file.read_bytes())
            written.append(file.stat().st_mtime)
            valid_from.append(certificate.not_valid_before_utc.timestamp())
            valid_until.append(certificate.not_valid_after_utc.timestamp())
    if not written:
        return None
    return Times(max(valid_from), min(valid_until), max(written))


def _date(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _length(seconds: float) -> str:
    """Return a time for people: "3 days, 4:05:06"."""
    return str(timedelta(seconds=round(seconds)))
