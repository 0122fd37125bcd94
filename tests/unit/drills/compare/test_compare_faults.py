"""Faults of a comparison: which compare nothing, and that each is mended everywhere."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from drills.compare import run
from drills.compare.figures import PATIENCE
from drills.faults import Means, named
from drills.stack import Stack
from drills.traffic import Event, EventKind
from drills.traffic.generator import TrafficError
from foundation.errors import UserError
from tests.support.drill_stack import EAST, WEST


@pytest.mark.parametrize("name", ["edge-killed", "edge-control-cut", "mode-switch"])
def test_a_fault_of_our_edge_alone_compares_nothing(name: str) -> None:
    run.check([named(fault) for fault in run.FAULTS])
    with pytest.raises(UserError, match=f"{name} strikes our edge alone"):
        run.check([named("region-cut"), named(name)])


def test_a_load_that_is_not_sent_compares_nothing() -> None:
    with pytest.raises(UserError, match="overload is made by a load of its own"):
        run.check([named("overload")])


class Interrupted:
    """Traffic that is interrupted as soon as anybody waits for it."""

    def __init__(self) -> None:
        self.marked: list[Event] = []

    def check(self) -> None: ...

    def mark(self, event: Event) -> None:
        self.marked.append(event)

    def wait(self, _: float) -> bool:
        raise KeyboardInterrupt


def test_whatever_ends_a_fault_it_is_mended_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(run.guard, "standing", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(run.action, "mend", lambda *a: done.append(f"mend {a[2]}"))
    fault = replace(
        named("gateway-gone"),
        means=Means(
            "", lambda strike: done.append(f"break {strike.cluster}"), lambda _: done.append("")
        ),
    )
    stack = Stack("west", tmp_path, tmp_path / "k", {EAST: 100, WEST: 100}, "active")
    traffic = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        run._strike(stack, fault, [EAST, WEST], PATIENCE, traffic, run.Pace())
    assert done == [f"break {EAST}", f"break {WEST}", f"mend {WEST}", f"mend {EAST}"]
    (event,) = traffic.marked
    assert (event.kind, event.name, event.cluster) == (EventKind.FAULT, PATIENCE, "")


def test_nothing_is_broken_once_nothing_is_sent(tmp_path: Path) -> None:
    class Ended(Interrupted):
        def check(self) -> None:
            raise TrafficError("The generator ended with exit code 1.")

    stack = Stack("west", tmp_path, tmp_path / "k", {EAST: 100, WEST: 100}, "active")
    with pytest.raises(TrafficError, match="ended with exit code 1"):
        run._strike(stack, named("pods-slow"), [EAST], PATIENCE, Ended(), run.Pace())
    assert list(tmp_path.iterdir()) == []
