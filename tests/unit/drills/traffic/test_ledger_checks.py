"""Objectives beside what the ledger measured; what was not measured is not met."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from drills.traffic import Event, EventKind, Objectives
from drills.traffic.ledger import Ledger, ledger
from drills.traffic.model import StreamEntry, StreamStep
from tests.support.drill_stack import EAST, WEST
from tests.support.samples import T0, sample


def test_each_objective_beside_its_measurement() -> None:
    objectives = Objectives(lost=0, slowest=0.1, moved=None, gap=0.5)
    samples = [sample(n / 10, 0.15 if n == 7 else 0.01) for n in range(10)]
    found = ledger(samples, [], objectives)
    assert {check.name: check.met for check in found.checks} == {
        "lost": True,
        "slowest answer": False,
        "wrong side": True,
        "longest gap": True,
    }
    assert not found.met


def test_all_moved_is_promised_where_the_fault_says_that_it_must_move() -> None:
    def run(serving: tuple[str, ...] | None, gone_after: float) -> Ledger:
        fault = Event(T0 + 5, EventKind.FAULT, "gone", EAST, serving=serving, within=1)
        samples = [
            sample(n / 10, cluster=EAST if n / 10 < 5 + gone_after else WEST) for n in range(100)
        ]
        return ledger(samples, [fault], Objectives(moved=1.0))

    assert run((WEST,), 0.5).met
    assert not run((WEST,), 1.5).met
    assert run(None, 1.5).met
    check = run((WEST,), 9).checks[-1]
    assert (check.measured, check.met) == ("not moved", False)


def test_what_was_not_measured_is_not_met() -> None:
    promised = Objectives(lost=0, slowest=0.25, moved=1.0, gap=0.5)
    fault = Event(T0 + 5, EventKind.FAULT, "gone", EAST, serving=(WEST,))
    nothing = ledger([], (), promised)
    posts = ledger([sample(n, method="POST", cluster=EAST) for n in range(9)], [fault], promised)
    for found in (nothing, posts):
        assert not found.met
        assert {c.measured for c in found.checks} == {"not measured"}
    assert "all moved, gone (east-cluster)" in {c.name for c in posts.checks}
    assert posts.incidents[0].all_moved is None, "none of these tells"
    promised = Objectives(lost=0, slowest=0.25, moved=None)
    lost = ledger([sample(n, status=503) for n in range(9)], (), promised)
    assert {c.name: c.measured for c in lost.checks if not c.met} == {
        "lost": "9",
        "slowest answer": "not measured",
        "wrong side": "not measured",
    }


def test_goodput_of_a_fault_that_was_held_too_short_is_not_known() -> None:
    events = [
        Event(T0 + at, kind, "full", EAST)
        for at, kind in ((5, EventKind.FAULT), (6, EventKind.FIX))
    ]
    found = ledger([sample(n / 10) for n in range(90)], events, Objectives(moved=None, goodput=9))
    (check,) = [check for check in found.checks if check.name == "goodput"]
    assert (check.measured, check.met) == ("not measured: it was held too short", False)


def test_a_limit_beyond_what_is_usual_is_not_judged_where_that_is_unknown() -> None:
    fault = Event(T0 + 5, EventKind.FAULT, "gone", EAST)
    promised = Objectives(moved=None, beyond_usual=True)
    found = ledger([sample(1, 10)], [fault], promised)
    (check,) = [check for check in found.checks if check.name == "slowest answer"]
    assert not check.met and check.measured.startswith("not measured: no request ended before")


def test_streams_of_which_no_message_came_keep_no_promise() -> None:
    refused = [StreamEntry(T0 + n, "events-1", "WebSocket", StreamStep.REFUSED) for n in range(3)]
    found = ledger([sample(0)], (), Objectives(moved=None), streams=refused)
    (check,) = [c for c in found.checks if c.name.startswith("WebSocket: messages")]
    assert (check.measured, check.met) == ("not measured: no message came", False)


@given(usual=st.floats(0.001, 3), added=st.floats(0, 1))
def test_a_fault_may_add_so_much_to_what_requests_of_ones_own_take(
    usual: float, added: float
) -> None:
    fault = Event(T0 + 50, EventKind.FAULT, "gone", EAST)
    before = [sample(n * 5, usual) for n in range(9)]
    posts = [sample(2, 9, method="POST"), sample(3, 9, lane="other"), sample(4, 9, status=503)]
    samples = [*before, *posts, sample(60, 2 * usual + added)]
    promised = Objectives(lost=1, slowest=0.25, moved=None, beyond_usual=True)
    found = ledger(samples, [fault], promised, uncounted=["other"])
    check = next(check for check in found.checks if check.name == "slowest answer")
    limit = 0.25 + 2 * usual
    assert check.met == (2 * usual + added <= limit)
    assert check.promised == f"{limit * 1000:.0f} ms"
    assert found.promised.slow == (not check.met)
    alone = ledger(samples, [fault], replace(promised, beyond_usual=False), uncounted=["other"])
    assert alone.objectives.slowest == 0.25
