"""The ledger's arithmetic on made-up samples."""

from __future__ import annotations

import dataclasses

import pytest

from drills.traffic import ErrorKind, Event, EventKind, Execution, Objectives, Sample
from drills.traffic.figures import Gap, Latency
from drills.traffic.ledger import ledger
from tests.support.drill_stack import EAST, WEST
from tests.support.samples import T0, counted, sample


def test_no_request_at_all() -> None:
    empty = counted()
    assert (empty.total.sent, empty.total.lost, empty.total.longest_gap) == (0, 0, None)
    assert empty.total.latency == Latency()


@pytest.mark.parametrize(
    ("status", "lost"), [(200, 0), (204, 0), (302, 0), (404, 1), (429, 1), (500, 1), (503, 1)]
)
def test_a_good_answer_is_2xx_or_3xx(status: int, lost: int) -> None:
    assert counted(sample(0, status=status)).total.lost == lost


def test_percentiles_are_values_that_were_measured() -> None:
    values = [n / 1000 for n in range(1, 1001)]
    assert Latency.of(reversed(values)) == Latency(0.5, 0.99, 0.999, 1.0)
    assert Latency.of([3.0]) == Latency(3.0, 3.0, 3.0, 3.0)


def test_failures_their_first_and_last_and_by_kind() -> None:
    total = counted(
        sample(0),
        sample(1, 0.5, error=ErrorKind.TIMEOUT),
        sample(1.2, 0.001, status=503),
        sample(2, 0.001, error=ErrorKind.TIMEOUT),
        sample(3),
    ).total
    assert (total.sent, total.lost, total.answered) == (5, 3, 2)
    assert total.failures == {"timeout": 2, "503": 1}
    # when they failed, and not when they were due
    assert total.first_failure == pytest.approx(T0 + 1.201)
    assert total.last_failure == pytest.approx(T0 + 2.001)


def test_the_longest_gap_lies_between_good_answers() -> None:
    total = counted(
        sample(0.0), sample(0.1), sample(0.2, status=503), sample(0.6, status=503), sample(0.9)
    ).total
    assert total.longest_gap is not None
    assert total.longest_gap.start == pytest.approx(T0 + 0.105)
    assert total.longest_gap.seconds == pytest.approx(0.8)


def test_an_outage_until_the_end_is_a_gap() -> None:
    total = counted(sample(0), sample(0.1), sample(2, 3.0, error=ErrorKind.TIMEOUT)).total
    assert total.longest_gap is not None
    assert total.longest_gap.end == pytest.approx(T0 + 5)
    assert total.longest_gap.seconds == pytest.approx(5 - 0.105)


def test_never_an_answer_is_one_gap() -> None:
    total = counted(sample(0, error=ErrorKind.REFUSED), sample(4, error=ErrorKind.REFUSED)).total
    assert total.longest_gap == Gap(T0, T0 + 4.005)


def test_answers_that_overtake_each_other_make_no_gap() -> None:
    total = counted(sample(0.2), sample(0, 0.9), sample(0.1), sample(0.3), sample(0.4, 0.6)).total
    assert total.longest_gap is not None
    assert total.longest_gap.seconds == pytest.approx(0.9 - 0.305)


def test_slow_is_over_the_objective_and_lost_is_not_slow() -> None:
    total = counted(
        sample(0, 0.25), sample(1, 0.2501), sample(2, 3.0, error=ErrorKind.TIMEOUT)
    ).total
    assert total.slow == 1
    assert total.latency.max == 0.2501


def test_objectives_do_not_speak_of_posts_without_key() -> None:
    found = counted(
        sample(0, method="POST", status=503),
        sample(1, method="POST", key="k"),
        sample(2),
    )
    assert (found.total.lost, found.promised.lost, found.promised.sent) == (1, 0, 2)
    assert found.kinds["POST without key"].lost == 1
    assert found.met


def test_parts_add_up_to_the_whole() -> None:
    samples = [
        sample(
            n / 100,
            cluster=WEST if n % 3 else EAST,
            lane="new" if n % 2 else "kept",
            method="POST" if n % 5 == 0 else "GET",
            error=ErrorKind.RESET if n % 7 == 0 else None,
        )
        for n in range(210)
    ]
    found = counted(*samples)
    for parts in (found.lanes, found.clusters, found.kinds, found.protocols, found.connections):
        assert sum(part.sent for part in parts.values()) == found.total.sent == 210
        assert sum(part.lost for part in parts.values()) == found.total.lost == 30
    assert found.clusters["nobody"].lost == 30


def test_duplicates_are_requests_that_were_executed_more_than_once() -> None:
    def execution(number: int, status: int = 200) -> Execution:
        return Execution(T0, f"r-{number}", EAST, "pod-1", "POST", status)

    logged = [
        *(execution(1), execution(1), execution(1)),
        *(execution(2), execution(2, 503)),  # refused once, then executed
        *(execution(3), execution(3, 0)),  # left by a hedged try before it was executed
        execution(4),
        *(execution(99), execution(99)),  # of somebody else's run
    ]
    samples = [sample(n, number=n) for n in range(1, 5)]
    objectives = Objectives(moved=None)
    found = ledger(samples, [], objectives, executions=logged)
    assert (found.total.duplicated, found.logged) == (1, 4)
    nothing = ledger(samples, [], objectives, executions=[])
    assert (nothing.total.duplicated, nothing.logged) == (0, 0)
    assert ledger(samples, [], objectives).total.duplicated is None


class TestWrongSide:
    def of(self, *samples: Sample, events: tuple[Event, ...] = ()) -> int:
        found = ledger(samples, events, Objectives(moved=None), serving=[EAST])
        return found.total.wrong_side

    def test_only_the_serving_side_may_answer(self) -> None:
        assert self.of(sample(0), sample(1, cluster=WEST), sample(2, cluster="other")) == 2

    def test_a_failure_of_the_other_side_is_lost_and_nothing_else(self) -> None:
        assert self.of(sample(0, cluster=WEST, status=503)) == 0

    def test_after_a_switch_the_old_side_has_its_time_of_grace(self) -> None:
        event = Event(T0 + 10, EventKind.SWITCH, "lbMode", serving=(WEST,), within=1.0)
        samples = [
            sample(9, cluster=WEST),  # too early: wrong
            sample(9.999, cluster=WEST),  # under way when it happened
            sample(10.5),  # within the time of grace
            sample(10.5, cluster=WEST),
            sample(10.9, 0.2),  # under way when that ended
            sample(11.1),  # too late: wrong
            sample(11.1, cluster=WEST),
        ]
        assert self.of(*samples, events=(event,)) == 2

    def test_a_second_change_within_the_time_of_grace(self) -> None:
        away = Event(T0 + 10, EventKind.FAULT, "x", EAST, serving=(WEST,), within=5)
        back = Event(T0 + 12, EventKind.FIX, "x", EAST, serving=(EAST,), within=1)
        assert self.of(sample(14), sample(16), events=(away, back)) == 0
        assert self.of(sample(14, cluster=WEST), events=(away, back)) == 1

    def test_a_fix_that_says_nothing_allows_those_before_and_those_since(self) -> None:
        away = Event(T0 + 10, EventKind.FAULT, "x", EAST, serving=(WEST,))
        fix = Event(T0 + 12, EventKind.FIX, "x", EAST)
        of_another = Event(T0 + 12, EventKind.FIX, "y", EAST)
        late = (sample(14), sample(14, cluster=WEST), sample(14, cluster="other"))
        assert self.of(*late, events=(away, fix)) == 1
        assert self.of(*late, events=(away, of_another)) == 2

    def test_without_any_rule_nobody_is_wrong(self) -> None:
        assert counted(sample(0, cluster=WEST), sample(1, cluster="x")).total.wrong_side == 0


def test_a_status_that_a_request_calls_good_is_that_of_an_execution() -> None:
    asked = dataclasses.replace(sample(0, status=404, number=1), good=True)
    twice = [Execution(T0, "r-1", EAST, pod, "GET", 404) for pod in "ab"]
    found = ledger([asked], (), Objectives(), executions=twice)
    assert (found.logged, found.total.duplicated) == (1, 1)
    assert ledger([asked], (), Objectives(), executions=[]).logged == 0


def test_a_try_that_was_refused_is_no_execution_whatever_else_is_good() -> None:
    asked = dataclasses.replace(sample(0, status=201, number=1), good=True)
    tried = [Execution(T0, "r-1", EAST, "a", "PUT", status) for status in (503, 201)]
    found = ledger([asked], (), Objectives(), executions=tried)
    assert (found.logged, found.total.duplicated) == (1, 0)
