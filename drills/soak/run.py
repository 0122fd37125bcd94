"""A soak from its first event to its report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from drills import action
from drills.faults import Fault
from drills.report.matrix_page import Row
from drills.say import Say
from drills.soak import page, resources
from drills.soak.page import Done, Record
from foundation import files
from foundation.run import interruptible

LEAST = 2
"""Events, however short the time: the first one warms up, and another one is compared with it."""


@dataclass(frozen=True)
class Means:
    """What a soak does to the world."""

    drill: Callable[[Fault, str], Row]
    """Make, mend and score a fault in a cluster."""
    heal: Callable[[], list[str]]
    """Mend what is in force still; return what could not be mended."""
    take: resources.Take | None
    """Sample what the lab holds; None where it is not on this machine."""
    say: Say
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def run(
    record: Record, strikes: Iterator[tuple[Fault, str]], seconds: float, means: Means, file: Path
) -> Record:
    """Make events until the time is over; return the record, of which `file` holds the report.

    The report is written after each event too. Raises KeyboardInterrupt after Ctrl-C, SIGTERM or
    the terminal's end, when everything is healed and the report is written.
    """
    start = means.clock()
    record.is_local = means.take is not None

    def passed() -> float:
        return means.clock() - start

    def sampled(after: str) -> None:
        if means.take:
            record.samples.append((passed(), after, means.take()))

    def write() -> None:
        record.ran = passed()
        files.replace(file, page.markdown(record), mode=0o644)

    file.parent.mkdir(parents=True, exist_ok=True)
    with interruptible():
        try:
            sampled("nothing yet")
            while len(record.events) < LEAST or passed() < seconds:
                _event(record, next(strikes), passed, means)
                sampled(f"event {len(record.events)}")
                if means.take and len(record.events) == 1:
                    record.begin = resources.settled(means.take, means.sleep)
                write()
            if means.take and record.begin:
                means.say("\nWaiting until what has ended is gone.")
                record.end = resources.at_the_end(means.take, record.begin, means.sleep)
                record.samples.append((passed(), "settling", record.end))
        except KeyboardInterrupt:
            record.interrupted = True
            raise
        finally:
            with action.undisturbed():
                try:
                    record.left = means.heal()
                finally:
                    write()
    return record


def _event(
    record: Record, strike: tuple[Fault, str], passed: Callable[[], float], means: Means
) -> None:
    fault, cluster = strike
    at = passed()
    number, what = len(record.events) + 1, f"{fault.name} in {cluster}"
    means.say(f"\nEvent {number}, after {at:.0f} s: {what}")
    record.under_way = f"event {number}, {what}"
    done = Done.of(means.drill(fault, cluster), cluster, at, passed() - at)
    record.under_way = ""
    record.events.append(done)
    means.say(f"{done.verdict}: {done.text}")
