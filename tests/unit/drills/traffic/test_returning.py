"""How a cluster got its share back, on made-up samples."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.traffic import Event, EventKind, Objectives, Sample
from drills.traffic.ledger import ledger
from drills.traffic.returning import in_words, returned

EAST, WEST = "east-cluster", "west-cluster"
RATE = 100


def second(begin: float, east: int, of: int = RATE) -> list[Sample]:
    """One second of requests, `east` of which are answered by the east, spread evenly."""
    step = 1 / of
    return [
        Sample(
            "r-1", begin + n * step, begin + n * step, 0.001, "kept", "GET", "h1", status=200,
            cluster=EAST if (n + 1) * east // of > n * east // of else WEST,
        )
        for n in range(of)
    ]  # fmt: skip


def seconds(begin: float, *east: int) -> list[Sample]:
    return [each for n, count in enumerate(east) for each in second(begin + n, count)]


BEFORE = seconds(0, 50, 50, 50, 50, 50)


def test_a_return_at_once_is_a_herd() -> None:
    found = returned(BEFORE, seconds(20, 0, 50, 50, 50), EAST)
    assert found
    assert found.due == 0.5
    assert found.rate == pytest.approx(50, rel=0.01)
    assert found.seconds == 1
    assert found.herd == pytest.approx(1, abs=0.05)


def test_a_ramp_shows_its_steps() -> None:
    found = returned(BEFORE, seconds(20, 0, 5, 12, 22, 35, 50, 50, 50), EAST)
    assert found
    assert found.seconds == 5
    assert found.shares == pytest.approx((0.05, 0.12, 0.22, 0.35, 0.5), abs=0.06)
    assert found.herd == pytest.approx(0.12, abs=0.03)
    words = in_words(found, EAST)
    assert words.startswith("east-cluster returned to 50% of the requests in 5 s, by second: 7%, ")


def test_a_share_that_was_not_reached_is_not_said_to_be() -> None:
    found = returned(BEFORE, seconds(20, 0, 5, 12, 22, 50, 22, 22), EAST)
    assert found and not found.is_whole
    words = in_words(found, EAST)
    assert words.startswith("east-cluster had not yet 50% of the requests in 5 s, by second: ")


def test_more_than_its_former_rate_is_the_peak() -> None:
    found = returned(BEFORE, seconds(20, 0, 20, 90, 50, 50), EAST)
    assert found
    assert found.peak == pytest.approx(1.8, abs=0.1)


def test_who_served_nothing_or_came_not_back_has_no_return() -> None:
    assert returned(seconds(0, 0, 0), seconds(20, 50), EAST) is None
    assert returned(BEFORE, seconds(20, 0, 0), EAST) is None
    assert returned(BEFORE, seconds(20, 0, 50)[:150], EAST) is None, "no second of it is over"


@given(st.lists(st.integers(1, RATE), min_size=2, max_size=20))
def test_the_first_second_is_never_above_the_busiest_and_shares_are_parts(east: list[int]) -> None:
    found = returned(BEFORE, seconds(20, *east), EAST)
    assert found
    assert found.herd <= found.peak
    assert all(0 <= share <= 1 for share in found.shares)
    assert 1 <= found.seconds <= len(east)


@pytest.mark.parametrize(("first", "met"), [(5, True), (50, False)])
def test_a_herd_is_promised_where_the_return_is_ramped(first: int, met: bool) -> None:
    samples = [*BEFORE, *seconds(5, 0, 0), *seconds(7, first, 50, 50)]
    events = [Event(5.0, EventKind.FAULT, "gone", EAST), Event(7.0, EventKind.FIX, "gone", EAST)]
    plain = ledger(samples, events, Objectives(moved=None))
    assert not [check for check in plain.checks if "return" in check.name]
    found = ledger(samples, events, replace(Objectives(moved=None), herd=0.5))
    (check,) = [check for check in found.checks if "return" in check.name]
    assert check.name == "first second of the return, gone (east-cluster)"
    assert check.met is met
