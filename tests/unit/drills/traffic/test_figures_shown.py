"""What was promised beside what was measured, as people read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from drills.traffic.checks import at_most


@pytest.mark.parametrize(
    ("value", "limit", "digits", "text"),
    [
        (99.6, 100, 0, "100"),
        (100.0, 100, 0, "100"),
        (100.04, 100, 0, "100.04"),
        (122.4, 100, 0, "122"),
        (1.004, 1.0, 2, "1.004"),
        (0.0, 0.25, 2, "0.00"),
    ],
)
def test_a_figure_has_the_digits_that_show_why_it_is_missed(
    value: float, limit: float, digits: int, text: str
) -> None:
    assert at_most(value, limit, digits) == text


@given(some.integers(0, 10**9), some.integers(0, 10**9), some.integers(0, 3))
def test_a_figure_above_its_limit_reads_so(value: int, limit: int, digits: int) -> None:
    found, most = value / 10**6, limit / 10**6
    assert (float(at_most(found, most, digits)) > most) >= (found > most)
