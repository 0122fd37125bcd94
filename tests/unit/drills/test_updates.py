"""Updates of others, as a generator learns of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from drills.journal import Entry, Journal
from drills.stack import Stack
from drills.traffic.serving import Serving
from drills.updates import Updates
from tests.support.waiting import eventually

EAST, WEST = "east-cluster", "west-cluster"


def test_a_switch_in_another_terminal_changes_who_may_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Stack("west", tmp_path, tmp_path / "k", {EAST: 0, WEST: 100}, "standby")
    after = dataclasses.replace(there, weights={EAST: 100, WEST: 100}, mode="active")
    busy: list[int] = []
    monkeypatch.setattr("drills.updates.leftovers.updating", lambda *_: list(busy))
    monkeypatch.setattr(Stack, "selected", staticmethod(lambda *_: after))
    updates, told = Updates(there), []

    def has(number: int) -> bool:
        told.extend(updates.new())
        return len(told) == number

    with updates.followed():
        assert has(0) and updates.switched is None
        busy.append(1)
        eventually(lambda: has(1), "it has begun")
        busy.clear()
        eventually(lambda: has(2), "it has ended")
    assert [event.text for event in told] == [
        "An update has begun.",
        "The update has ended: mode active.",
    ]
    assert updates.switched == after
    sides = Serving(there.serving, told)
    begun, ended = (event.at for event in told)
    assert sides.allowed(begun - 1) == {WEST}
    assert sides.allowed(begun) == sides.allowed(ended + 2) == {EAST, WEST}


def test_while_something_is_broken_any_cluster_may_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Stack("west", tmp_path, tmp_path / "k", {EAST: 0, WEST: 100}, "standby")
    monkeypatch.setattr(Stack, "selected", staticmethod(lambda *_: there))
    for broken, serving in ((False, (WEST,)), (True, (EAST, WEST))):
        if broken:
            Journal(tmp_path).add(Entry("gateway-gone", WEST, 1.0))
        updates = Updates(there)
        updates._ended()
        assert [event.serving for event in updates.new()] == [serving]
        assert updates.switched is None
