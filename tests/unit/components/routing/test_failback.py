"""In which steps requests return to a cluster that is well again."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from components.routing.failback import Failback, Step, steps

RAMPS = st.floats(0.001, 3600)


@given(RAMPS)
def test_a_ramp_begins_at_once_and_ends_after_its_time_with_everything(ramp: float) -> None:
    found = steps(Failback.RAMPED, ramp)
    moments = [step.later for step in found]
    assert sum(step.share for step in found) == 100
    assert (moments[0], moments[-1]) == (0, ramp)
    assert all(before < after for before, after in pairwise(moments))  # type: ignore[operator]


@given(RAMPS)
def test_no_step_of_a_ramp_is_a_third_of_the_requests_and_none_is_smaller_than_the_one_before(
    ramp: float,
) -> None:
    shares = [step.share for step in steps(Failback.RAMPED, ramp)]
    assert shares == sorted(shares)
    assert max(shares) < 34


@given(RAMPS)
def test_by_hand_everything_waits_and_at_once_nothing_does(ramp: float) -> None:
    assert steps(Failback.MANUAL, ramp) == (Step(100, None),)
    assert steps(Failback.AT_ONCE, ramp) == ()
