"""What is told of how long the builds still take."""

from __future__ import annotations

import dataclasses
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as some
from rich.console import Console

from toolchain import pins, progress

LONG, SHORT, LAST = (
    dataclasses.replace(module, seconds=seconds)
    for module, seconds in zip(pins.modules()[:3], (700, 300, 350), strict=True)
)


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def monotonic(self) -> float:
        """Return its time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def screen() -> progress.Screen:
    return progress.Screen([LONG, SHORT, LAST], Console(file=io.StringIO()))


def minutes(shown: progress.Screen) -> int:
    found = re.search(r"about (\d+) min left", shown.left())
    assert found, shown.left()
    return int(found[1])


def test_what_is_done_is_not_left_and_what_it_shares_is_not_either(clock: Clock) -> None:
    shown = screen()
    shown.start(LONG)
    assert minutes(shown) == 16  # 700 s, and two fifths of 300 and 350 s
    clock.now += 300
    assert minutes(shown) == 11
    clock.now += 400
    shown.done(LONG)
    shown.start(SHORT)
    assert minutes(shown) == 4


def test_a_machine_half_as_fast_is_told_twice_the_time(clock: Clock) -> None:
    shown = screen()
    shown.start(LONG)
    clock.now += 1400
    shown.done(LONG)
    shown.start(SHORT)
    assert minutes(shown) == 9


def test_what_takes_longer_than_told_stretches_the_rest(clock: Clock) -> None:
    shown = screen()
    shown.start(LONG)
    clock.now += 1400
    assert minutes(shown) == 9  # nothing told is left of it, but 260 s of the others, doubled


@given(some.lists(some.integers(1, 900), min_size=1, max_size=40))
def test_it_never_says_more_than_all_that_is_left_takes_alone(steps: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        made = Clock()
        patch.setattr(progress, "time", made)
        shown = screen()
        shown.start(LONG)
        for step in steps:
            made.now += step
            passed = made.now - Clock.now
            stretch = max(1.0, passed / LONG.seconds)
            told = sum(m.seconds for m in (LONG, SHORT, LAST)) * stretch
            assert minutes(shown) <= max(1, round(told / 60))
