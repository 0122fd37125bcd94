"""Where the seconds went: moments of a fault, on made-up samples."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.traffic import ErrorKind, Event, EventKind, Execution, Objectives, Sample
from drills.traffic.checks import checks
from drills.traffic.executed import Executed
from drills.traffic.figures import Part
from drills.traffic.incidents import UNLOGGED, Incident, incidents

T0 = 1_000_000.0
EAST, WEST = "east-cluster", "west-cluster"
FAULT = Event(T0 + 10, EventKind.FAULT, "gone", EAST)
FIX = Event(T0 + 20, EventKind.FIX, "gone", EAST)


def sample(due: float, cluster: str, **other: object) -> Sample:
    values: dict = {"duration": 0.005, "status": 200, **other}
    if values.get("error"):
        values["status"] = None
    return Sample(
        id="r",
        due=T0 + due,
        started=T0 + due,
        lane="kept",
        method="GET",
        protocol="h1",
        cluster=cluster,
        **values,
    )


def run(left: float = 10.3, back: float = 21.0, until: float = 30.0) -> list[Sample]:
    """East and west in turn; east is left at `left` and answers again from `back` on."""
    return [
        sample(n / 100, WEST if n % 2 or left <= n / 100 < back else EAST)
        for n in range(int(until * 100))
    ]


def only(samples: list[Sample], *events: Event) -> Incident:
    (found,) = incidents(samples, list(events))
    return found


def test_the_moments_of_a_fault_that_cost_nothing() -> None:
    found = only(run(), FAULT, FIX)
    assert found.label == "gone (east-cluster)"
    assert found.first_effect is None
    assert found.seconds_to(found.all_moved) == pytest.approx(0.285, abs=0.02)
    assert found.seconds_to(found.mended) == 10
    assert found.seconds_after_fix(found.failed_back) == pytest.approx(1.0, abs=0.02)
    assert found.seconds_after_fix(found.settled) == pytest.approx(2.0, abs=0.05)


def test_the_first_effect_is_a_failure_a_slow_answer_or_a_repeated_try() -> None:
    usual = run()
    lost = sample(10.1, "", duration=0.5, error=ErrorKind.TIMEOUT)
    slow = sample(10.2, WEST, duration=0.2)
    tried = sample(10.35, WEST, attempts=2)
    assert only([*usual, lost], FAULT).first_effect == pytest.approx(T0 + 10.6)
    assert only([*usual, lost, slow], FAULT).first_effect == pytest.approx(T0 + 10.4)
    assert only([*usual, lost, slow, tried], FAULT).first_effect == pytest.approx(T0 + 10.355)


def test_what_was_usual_before_is_no_effect() -> None:
    before = [sample(n, WEST, duration=0.2, attempts=3) for n in range(9)]
    after = [sample(12, WEST, duration=0.25, attempts=3)]
    assert only([*run(), *before, *after], FAULT).first_effect is None


def test_what_is_lost_has_not_moved() -> None:
    lost = sample(11.5, "", duration=0.5, error=ErrorKind.TIMEOUT)
    found = only([*run(), lost], FAULT, FIX)
    assert found.seconds_to(found.all_moved) == pytest.approx(1.5)


def test_a_side_that_answers_on_has_not_moved() -> None:
    found = only(run(left=99), FAULT, FIX)
    assert found.all_moved is None
    assert found.failed_back is None


def test_a_standby_that_never_answered_has_nothing_to_move() -> None:
    found = only([sample(n / 100, WEST) for n in range(3000)], FAULT, FIX)
    assert (found.all_moved, found.failed_back, found.first_effect) == (None, None, None)


def test_the_first_answer_of_the_standby() -> None:
    samples = [sample(n / 100, EAST if n < 1020 else WEST) for n in range(2000)]
    found = only(samples, FAULT)
    assert found.seconds_to(found.first_other) == pytest.approx(0.205)
    assert found.seconds_to(found.all_moved) == pytest.approx(0.19)
    assert found.mended is None


def test_ejection_is_what_somebody_observed() -> None:
    seen = Event(T0 + 10.8, EventKind.OBSERVED, "ejected", EAST)
    of_other = Event(T0 + 10.4, EventKind.OBSERVED, "ejected", WEST)
    found = only(run(), FAULT, of_other, seen, FIX)
    assert found.ejected == T0 + 10.8


def test_it_never_fails_back() -> None:
    found = only(run(back=99), FAULT, FIX)
    assert found.all_moved is not None
    assert (found.failed_back, found.settled) == (None, None)


def test_two_faults_one_after_the_other() -> None:
    second = Event(T0 + 25, EventKind.FAULT, "gone", EAST)
    samples = [*run(until=25.2), *(sample(25.2 + n / 100, WEST) for n in range(500))]
    first, then = incidents(samples, [FIX, second, FAULT])
    assert (first.fault, first.mended) == (T0 + 10, T0 + 20)
    assert (then.fault, then.mended) == (T0 + 25, None)
    assert then.seconds_to(then.all_moved) == pytest.approx(0.185, abs=0.02)


def test_no_fault_and_no_traffic() -> None:
    assert incidents(run(), [FIX]) == []
    found = only([], FAULT)
    assert (found.first_effect, found.all_moved) == (None, None)


@given(
    answers=st.lists(st.tuples(st.floats(10, 20), st.booleans()), max_size=40),
    late=st.lists(st.tuples(st.floats(20.1, 29), st.booleans()), max_size=40),
)
def test_goodput_counts_good_answers_and_recovery_ends_with_the_last_loss(
    answers: list[tuple[float, bool]], late: list[tuple[float, bool]]
) -> None:
    def sent(due: float, good: bool) -> Sample:
        return sample(due, WEST, duration=0.0, status=200 if good else 503)

    samples = [sent(*one) for one in (*answers, *late)]
    found = only([*samples, sent(29.5, True)], FAULT, FIX)

    counted = [at for at, good in answers if good and T0 + 12 <= T0 + at < T0 + 20]
    assert found.goodput == pytest.approx(len(counted) / 8)
    lost = [at for at, good in late if not good]
    assert found.seconds_after_fix(found.recovered) == pytest.approx(max([20, *lost]) - 20)


def test_a_fault_that_is_not_mended_has_not_recovered() -> None:
    found = only(run(), FAULT)
    assert found.recovered is None
    short = Event(T0 + 11, EventKind.FIX, "gone", EAST)
    assert only(run(), FAULT, short).goodput is None


def test_promises_of_an_overload() -> None:
    promised = Objectives(lost=None, moved=None, goodput=20, recovered=5)
    kept = Incident("overload", EAST, T0, False, mended=T0 + 8, recovered=T0 + 13, goodput=20.0)

    def missed(found: Incident) -> list[str]:
        made = checks(Part(sent=9, lost=5), [found], promised)
        return [check.name for check in made if not check.met]

    assert missed(kept) == []
    assert missed(dataclasses.replace(kept, goodput=19.9)) == ["goodput"]
    assert missed(dataclasses.replace(kept, goodput=None)) == ["goodput"]
    for late in (T0 + 13.1, None):
        assert missed(dataclasses.replace(kept, recovered=late)) == ["nothing lost any more"]


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 3), st.integers(0, 2)), max_size=30))
def test_executions_are_counted_for_each_request_that_was_due_in_a_part_of_the_fault(
    sent: list[tuple[float, int, int]],
) -> None:
    samples = [
        dataclasses.replace(sample(due, EAST), id=f"{n}") for n, (due, *_) in enumerate(sent)
    ]
    logged = [
        Execution(T0 + due, f"{n}", EAST, "pod", status=status)
        for n, (due, answered, left) in enumerate(sent)
        for status in [*[200] * answered, *[0] * left, 503]  # one is refused, and counts as none
    ]

    def mean(begin: float, end: float) -> object:
        counts = [a + b for due, a, b in sent if T0 + begin <= T0 + due < T0 + end]
        logged = [count for count in counts if count]  # all were answered, so others are not known
        if counts and not logged:
            return UNLOGGED
        return pytest.approx(sum(logged) / len(logged)) if counts else None

    (found,) = incidents(samples, [FAULT, FIX], Executed(logged))
    assert found.executions == (mean(10, 13), mean(13, 20))
    assert only(samples, FAULT, FIX).executions == (None, None)
    short = Event(T0 + 12, EventKind.FIX, "gone", EAST)
    (found,) = incidents(samples, [FAULT, short], Executed(logged))
    assert found.executions == (mean(10, 12), None)


def test_promises_of_executions() -> None:
    promised = Objectives(moved=None, executions=(1.5, 1.1))
    kept = Incident("gone", EAST, T0, False, executions=(1.5, 1.1))

    def missed(found: Incident) -> list[str]:
        return [c.name for c in checks(Part(sent=9), [found], promised) if not c.met]

    assert missed(kept) == missed(dataclasses.replace(kept, executions=(None, None))) == []
    assert missed(dataclasses.replace(kept, executions=(1.51, 1.11))) == [
        "executions per request, first 3 s, gone (east-cluster)",
        "executions per request, after 3 s, gone (east-cluster)",
    ]


def test_a_lane_that_hangs_until_the_fix_has_not_moved() -> None:
    def one(n: int) -> Sample:
        due = n / 100
        hangs = 10 <= due < 20 and not n % 2
        lost = {"duration": 5.0, "error": ErrorKind.TIMEOUT} if hangs else {}
        return sample(due, "" if hangs else WEST if n % 2 else EAST, **lost)

    found = only([one(n) for n in range(3000)], FAULT, FIX)
    assert found.used and found.all_moved is None


def test_a_lane_that_never_used_the_struck_side_has_nothing_to_leave() -> None:
    found = only([sample(n / 100, WEST) for n in range(3000)], FAULT, FIX)
    assert not found.used and found.all_moved is None


def test_what_was_usual_before_a_second_fault_is_not_the_first_one() -> None:
    again, mended = (
        dataclasses.replace(event, at=T0 + at) for event, at in ((FAULT, 30), (FIX, 40))
    )
    samples = [
        sample(n / 100, WEST if n % 2 or 10 <= n / 100 < 20 or 30 <= n / 100 < 40 else EAST)
        for n in range(5000)
    ]
    _, second = incidents(samples, [FAULT, FIX, again, mended])
    assert second.returned is not None
    assert second.returned.herd == pytest.approx(1.0, abs=0.05)


def test_a_status_that_a_request_calls_good_is_an_execution() -> None:
    samples = [
        dataclasses.replace(sample(due, EAST, status=409, good=(409,)), id=f"{due}")
        for due in (11, 12)
    ]
    logged = [Execution(T0 + 11, s.id, EAST, "pod", status=409) for s in samples for _ in range(3)]
    (found,) = incidents(samples, [FAULT, FIX], Executed(logged))
    assert found.executions[0] == 3.0


def test_executions_that_no_log_has_keep_no_promise() -> None:
    samples = [dataclasses.replace(sample(n / 10, EAST), id=f"{n}") for n in range(300)]
    (found,) = incidents(samples, [FAULT, FIX], Executed([]))
    assert found.executions == (UNLOGGED, UNLOGGED)
    promised = Objectives(moved=None, executions=(1.5, 1.1))
    shown = {c.name: (c.measured, c.met) for c in checks(Part(sent=9), [found], promised)}
    first = "executions per request, first 3 s, gone (east-cluster)"
    assert shown[first] == ("not measured: no log has them", False)
