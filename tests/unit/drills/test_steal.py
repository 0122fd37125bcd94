"""Processor time that the machine's host takes: what is read, and what is told of it."""

from __future__ import annotations

import itertools
import os
import threading
import time

import pytest

from drills.cpu_steal import STAT, CpuSteal, bursts, taken
from drills.traffic import Event, EventKind

TICK = 1 / os.sysconf("SC_CLK_TCK")


def stat(ticks: int) -> str:
    """The beginning of a /proc/stat whose machine has been robbed of so many ticks."""
    return f"cpu  100 200 300 400 500 600 700 {ticks} 900 1000\ncpu0 1 2 3 4 5 6 7 8 9 10\n"


def test_the_kernels_count_is_read_in_seconds() -> None:
    assert taken(stat(250)) == pytest.approx(250 * TICK)
    assert taken("cpu  1 2 3 4\n") == 0.0, "a kernel that does not count it"
    assert taken(STAT.read_text()) >= 0.0


def test_looks_in_a_row_are_one_burst_and_less_than_is_noticed_is_none() -> None:
    so_far = itertools.accumulate([0.0, 0.01, 0.03, 0.05, 0.0, 0.0, 0.04])
    looks = [(100 + 0.1 * number, value) for number, value in enumerate(so_far)]
    first, second = bursts(looks)
    assert first == pytest.approx((100.1, 0.2, 0.08))
    assert second == pytest.approx((100.5, 0.1, 0.04)), "it was not over at the last look"


def test_a_burst_becomes_an_event_beside_the_traffic() -> None:
    told: list[Event] = []
    over = threading.Event()
    ticks = iter([10, 10, 20])

    def read() -> str:
        found = next(ticks, None)
        if found is None:
            over.set()
        return stat(20 if found is None else found)

    begin = time.time()
    with CpuSteal(told.append, read):
        assert over.wait(10)
    (event,) = told
    assert (event.kind, event.name) == (EventKind.OBSERVED, "cpu steal")
    assert begin < event.at < time.time()
    assert f"took {round(10 * TICK * 1000)} ms of its processors within" in event.text
