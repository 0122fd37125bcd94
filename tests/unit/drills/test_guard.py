"""A guard mends what a killed drill has left broken."""

from __future__ import annotations

from typing import Any

import pytest

from drills import guard
from drills.faults.operation import OTHER_SETTINGS
from drills.journal import Entry, Journal
from drills.stack import EDGE, Stack
from tests.support.drill_stack import EAST, WEST


def test_a_guard_mends_what_is_still_written_down(stack: Stack, mended: list[Any]) -> None:
    Journal(stack.folder).add(Entry("gateway-gone", EAST, 1.0))
    assert guard.main("west", "gateway-gone", EAST) == 0
    assert mended == [("gateway-gone", EAST)]


def test_a_guard_leaves_what_the_drill_has_mended(stack: Stack, mended: list[Any]) -> None:
    assert guard.main("west", "gateway-gone", EAST) == 0
    assert mended == []


def test_the_guard_of_an_update_waits_until_all_else_is_mended(
    stack: Stack, mended: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(stack.folder)
    journal.add(Entry(OTHER_SETTINGS.name, EDGE, 1.0))
    journal.add(Entry("cluster-power", EAST, 2.0))
    waited = []

    def until(condition: Any, what: str, *_: Any, **__: Any) -> None:
        waited.append(condition())
        journal.remove("cluster-power", EAST)  # by its own guard
        waited.append(condition())

    monkeypatch.setattr(guard, "until", until)
    assert guard.main("west", OTHER_SETTINGS.name, EDGE) == 0
    assert waited == [False, True]
    assert mended == [(OTHER_SETTINGS.name, EDGE)]


def test_the_guard_of_an_update_that_was_taken_back_waits_for_nobody(
    stack: Stack, mended: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    Journal(stack.folder).add(Entry("cluster-power", EAST, 2.0))  # somebody else's
    waited: list[bool] = []
    monkeypatch.setattr(guard, "until", lambda is_over, *_, **__: waited.append(is_over()))
    assert guard.main("west", OTHER_SETTINGS.name, EDGE) == 0
    assert waited == [True]
    assert mended == []


def test_a_guard_waits_for_no_fault_of_another_version(stack: Stack, mended: list[Any]) -> None:
    journal = Journal(stack.folder)
    journal.add(Entry("of-another-version", WEST, 1.0))
    journal.add(Entry("cluster-power", EAST, 2.0))
    assert guard._others(journal) == ["cluster-power"]
