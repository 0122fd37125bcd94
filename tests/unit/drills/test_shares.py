"""Which shares are due, and when a drill goes on."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from drills import shares
from drills.prediction import Order
from drills.shares import due_shares, is_back, settled
from drills.stack import Stack
from drills.traffic import Sample

EAST, WEST = "east-cluster", "west-cluster"


def stack(folder: Path) -> Stack:
    weights = {EAST: 100, WEST: 100}
    return Stack("west", folder, folder / "kubeconfig", weights, "active", order=((EAST, WEST),))


def test_all_is_back_when_every_cluster_has_about_its_share_again() -> None:
    before = {EAST: 0.5, WEST: 0.5}
    assert is_back(answers(EAST, WEST) * 5, before)
    assert is_back(answers(EAST, WEST) * 4 + answers(WEST, WEST), before)
    assert not is_back(answers(WEST) * 10, before)
    assert not is_back([], before)
    lost = dataclasses.replace(answers(EAST)[0], status=503)
    assert not is_back([*answers(EAST, WEST) * 5, lost], before)


def test_an_application_that_answers_nothing_good_is_told_from_one_that_does_not_answer() -> None:
    denied = [dataclasses.replace(each, status=401) for each in answers(EAST, WEST)]
    said = shares.nobody("west", denied)
    assert "but 401 (2)" in said and "--traffic FILE" in said
    refused = [dataclasses.replace(each, status=503, cluster="") for each in denied]
    assert shares.nobody("west", refused).startswith("Nobody answers in stack west")
    assert shares.nobody("west", []).startswith("Nobody answers in stack west")


@pytest.mark.parametrize(
    ("weights", "order", "due"),
    [
        ({EAST: 100, WEST: 100}, ((EAST, WEST),), {EAST: 0.5, WEST: 0.5}),
        ({EAST: 25, WEST: 75}, ((EAST, WEST),), {EAST: 0.25, WEST: 0.75}),
        ({EAST: 0, WEST: 100}, ((WEST,), (EAST,)), {WEST: 1.0}),
        ({EAST: None, WEST: None}, ((WEST,), (EAST,)), {WEST: 1.0}),
    ],
)
def test_the_weights_say_what_is_due(
    weights: dict[str, int | None], order: Order, due: dict[str, float]
) -> None:
    assert due_shares(weights, order) == due


class Lopsided:
    """Traffic of which `first` gets all until somebody has asked a few times."""

    def __init__(self, first: str, times: float) -> None:
        self.first, self.left, self.running = first, times, True

    def recent(self, _seconds: float) -> list[Sample]:
        self.left -= 1
        return answers(self.first) * 10 if self.left >= 0 else answers(EAST, WEST) * 5


def test_nothing_is_broken_before_the_traffic_is_shared_as_the_weights_say(tmp_path: Path) -> None:
    said: list[str] = []
    traffic: Any = Lopsided(EAST, 3)
    assert settled(stack(tmp_path), traffic, 1, said.append) == {EAST: 0.5, WEST: 0.5}
    assert not said


def test_traffic_that_stays_lopsided_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "SETTLE_SECONDS", 0)
    said: list[str] = []
    traffic: Any = Lopsided(EAST, math.inf)
    assert settled(stack(tmp_path), traffic, 0.2, said.append) == {EAST: 1.0}
    assert said == [
        "The traffic is shared as the weights say: not within 0.2 s. It is taken as it is."
    ]


class Stray:
    """Traffic of which a standby gets a little."""

    running = True

    def recent(self, _seconds: float) -> list[Sample]:
        return answers(EAST, *[WEST] * 49)


def test_a_few_answers_of_a_standby_are_not_due_again(tmp_path: Path) -> None:
    standby = dataclasses.replace(
        stack(tmp_path), weights={EAST: 0, WEST: 100}, order=((WEST,), (EAST,))
    )
    said: list[str] = []
    traffic: Any = Stray()
    before = settled(standby, traffic, 1, said.append)
    assert is_back(answers(WEST) * 50, before), "a drill would wait for them, and call it broken"
    assert not is_back(answers(EAST) * 50, before)
    assert not said


def answers(*clusters: str) -> list[Sample]:
    return [
        Sample("r-1", 0.0, 0.0, 0.01, "kept", "GET", "h1", status=200, cluster=name)
        for name in clusters
    ]


class Updated:
    """Updates of which one has made the west cluster answer alone."""

    def __init__(self, switched: Stack | None) -> None:
        self.switched = switched


@pytest.mark.parametrize("is_switched", [True, False])
def test_after_a_switch_in_another_terminal_clusters_return_to_what_is_due_since(
    is_switched: bool, tmp_path: Path
) -> None:
    traffic: Any = Lopsided(WEST, math.inf)
    standby = dataclasses.replace(
        stack(tmp_path), weights={EAST: 0, WEST: 100}, order=((WEST,), (EAST,))
    )
    updates: Any = Updated(standby if is_switched else None)
    wrong = shares.returned(traffic, {EAST: 0.5, WEST: 0.5}, updates, 0.2)
    assert bool(wrong) != is_switched
    assert all("has its share of the traffic again: not within" in text for text in wrong)
