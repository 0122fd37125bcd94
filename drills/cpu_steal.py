"""When the machine's host took processors away from it: no configuration makes good for that.

A virtual machine sees it as `steal`. What is slow in such a moment may be so for that alone, so the
report shows both on the same axis.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

from drills.traffic import Event, EventKind

STAT = Path("/proc/stat")

LOOK_SECONDS = 0.1
"""Time between two looks."""

NOTICED = 0.02
"""Processor seconds taken between two looks that are told of: two of the kernel's ticks."""

_TICKS = os.sysconf("SC_CLK_TCK")


class Burst(NamedTuple):
    """Looks in a row between which processors were taken."""

    at: float
    lasted: float
    taken: float
    """Processor seconds, of all processors together."""


def taken(stat: str) -> float:
    """Return the processor seconds taken since the start, from the text of /proc/stat (proc(5))."""
    words = stat.partition("\n")[0].split()
    return int(words[8]) / _TICKS if len(words) > 8 else 0.0


def bursts(looks: Iterable[tuple[float, float]]) -> Iterator[Burst]:
    """Yield each burst when it is over; `looks` are moments, and what was taken until each."""
    burst: Burst | None = None
    for (before, first), (now, last) in itertools.pairwise(looks):
        if last - first >= NOTICED:
            at, lost = (burst.at, burst.taken) if burst else (before, 0.0)
            burst = Burst(at, now - at, lost + last - first)
        elif burst:
            yield burst
            burst = None
    if burst:
        yield burst


class CpuSteal:
    """Tells of each burst as an event while a drill runs."""

    def __init__(
        self, tell: Callable[[Event], None], read: Callable[[], str] = STAT.read_text
    ) -> None:
        """Nothing happens yet. `read` gives the text of /proc/stat."""
        self._tell, self._read = tell, read
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="steal", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        for burst in bursts(self._looks()):
            spent, lasted = round(burst.taken * 1000), round(burst.lasted * 1000)
            text = f"this machine's host took {spent} ms of its processors within {lasted} ms"
            self._tell(Event(burst.at, EventKind.OBSERVED, "cpu steal", text=text))

    def _looks(self) -> Iterator[tuple[float, float]]:
        while True:
            yield time.time(), taken(self._read())
            if self._over.wait(LOOK_SECONDS):
                return
