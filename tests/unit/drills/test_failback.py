"""Failback by hand: what is held back, and what people are told of it."""

from __future__ import annotations

import dataclasses
import signal
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drills import __main__ as commands
from drills import drill, failback, promises, status, update
from drills.faults import FAULTS, Moves
from drills.stack import Stack
from foundation import run
from foundation.errors import UserError

EAST, WEST = "east-cluster", "west-cluster"
ZONES = {"10.0.0.1:15443": EAST, "10.0.0.2:15443": WEST}


def stack(folder: Path, way: str = "manual", ramp: float = 0.0) -> Stack:
    weights = {EAST: 100, WEST: 100}
    return Stack("demo", folder, folder / "kubeconfig", weights, "active", failback=way, ramp=ramp)


def lines(plain: dict[str, str], step: dict[str, str]) -> list[str]:
    """What an Envoy says; flags by cluster, healthy unless given."""
    return [
        line
        for name, flags in (("regions_a_b", plain), ("regions-0_a_b", step))
        for address, zone in ZONES.items()
        for line in (
            f"{name}::{address}::health_flags::{flags.get(zone, 'healthy')}",
            f"{name}::{address}::zone::{zone}",
        )
    ]


@pytest.mark.parametrize("flag", ["/failed_active_hc", "/failed_outlier_check"])
def test_what_is_well_and_kept_out_is_held_back(flag: str) -> None:
    assert failback.held(lines({}, {WEST: flag})) == {WEST}
    assert failback.held(lines({}, {})) == set()


def test_what_is_not_well_is_not_held_back_but_broken() -> None:
    bad = {WEST: "/failed_active_hc"}
    assert failback.held(lines(bad, bad)) == set()


def test_without_steps_nothing_is_held_back() -> None:
    plain = [line for line in lines({}, {}) if line.startswith("regions_")]
    assert failback.held(plain) == set()


def test_people_are_told_who_waits_and_what_to_do(tmp_path: Path) -> None:
    assert failback.lines(stack(tmp_path, "manual"), Counter({WEST: 2, EAST: 1})) == [
        "east-cluster: well, and held back by 1 pod of the edge; "
        "bring it back: ./demo task failback -- --stack demo",
        "west-cluster: well, and held back by 2 pods of the edge; "
        "bring it back: ./demo task failback -- --stack demo",
    ]


def test_what_is_held_back_is_said_beside_what_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status.action, "unrecorded", lambda _: [])
    monkeypatch.setattr(status.preconditions, "look", lambda _: {EAST: "gateway is missing"})
    monkeypatch.setattr(status.reconcile, "look", lambda _: status.reconcile.Look())
    monkeypatch.setattr(failback, "look", lambda _: Counter({WEST: 2}))
    assert status.show(stack(tmp_path)) == 1
    *_, said, mending = capsys.readouterr().out.splitlines()
    assert said.startswith("west-cluster: well, and held back by 2 pods of the edge")
    assert mending.startswith("Mend everything: ")


def test_it_is_refused_where_clusters_return_by_themselves(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"failback ramped: .* manual --stack demo && ./demo up demo"
    ):
        failback.bring_back(stack(tmp_path, "ramped"), print)


def test_it_is_one_update_that_writes_no_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Any] = []
    monkeypatch.setattr(failback, "look", lambda _: Counter({WEST: 2}))
    monkeypatch.setattr(update, "up", lambda _, replace: done.append(replace))
    said: list[str] = []
    failback.bring_back(stack(tmp_path), said.append)
    assert done == ["**:FailbackTrigger::**"]
    assert said[0] == "west-cluster: well, and held back by 2 pods of the edge"


@pytest.mark.parametrize("number", run.ENDING)
def test_its_update_ends_in_order_whatever_signal_comes(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    def up(*_: Any, **__: Any) -> None:
        try:
            for _ in range(2):  # as a group's signal that is passed on as well
                signal.raise_signal(number)
        finally:
            ended.append("in order")

    monkeypatch.setattr(commands.Stack, "selected", lambda *_: stack(tmp_path))
    monkeypatch.setattr(failback, "look", lambda _: Counter({WEST: 2}))
    monkeypatch.setattr(update, "up", up)
    monkeypatch.setattr("os.dup2", lambda *_: None)
    assert commands.main(["failback"]) == 130
    assert ended == ["in order"]


def test_a_drill_brings_back_and_leaves_the_stacks_own_settings_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Any] = []
    monkeypatch.setattr(failback, "look", lambda _: Counter({WEST: 2}))
    monkeypatch.setattr(update, "up", lambda _, *what: done.append(what))
    traffic: Any = SimpleNamespace(wait=lambda _: None, recent=lambda _: [])
    changed = dataclasses.replace(stack(tmp_path), changes={"lbMode": "standby"})
    gone = next(f for f in FAULTS if f.moves is Moves.ALL and not f.edge and not f.update)
    assert drill._brought_back(changed, gone, WEST, traffic, done.append, lambda _: None) == []
    told, brought_back = done
    assert told.text == "brought back by an update"  # the moment of the return, not of the end
    assert brought_back == (changed.changes, failback.TRIGGER)


def test_a_gentle_return_is_promised_of_a_ramp_alone(tmp_path: Path) -> None:
    moving = next(f for f in FAULTS if f.moves is Moves.ALL and not f.edge and not f.update)
    assert promises.objectives(stack(tmp_path, "ramped", 30), moving).herd == promises.HERD
    for way, ramp in (("ramped", 2.0), ("atOnce", 0.0), ("manual", 0.0)):
        assert promises.objectives(stack(tmp_path, way, ramp), moving).herd is None
    update_ = next(fault for fault in FAULTS if fault.update)
    assert promises.objectives(stack(tmp_path, "ramped", 30), update_).herd is None
