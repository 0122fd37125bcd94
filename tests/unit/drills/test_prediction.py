"""Who is predicted to answer while a fault is in force."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from drills.faults import (
    named,
    operation,
)
from drills.prediction import predict, score, struck_by_default
from drills.stack import EDGE
from tests.support.drill_stack import ACTIVE, EAST, STANDBY, WEST, stack

pytestmark = pytest.mark.usefixtures("own_settings")


def test_active_strikes_east_and_west_takes_all() -> None:
    fault = named("workload-gone")
    assert struck_by_default(fault, ACTIVE) == EAST
    assert predict(fault, EAST, ACTIVE).during == (WEST,)


def test_standby_strikes_the_active_one_and_the_other_takes_over() -> None:
    fault = named("gateway-gone")
    assert struck_by_default(fault, STANDBY) == WEST
    predicted = predict(fault, WEST, STANDBY)
    assert (predicted.before, predicted.during) == ((WEST,), (EAST,))


def test_what_leaves_the_data_path_alone_moves_nothing() -> None:
    assert predict(named("control-plane-gone"), EAST, ACTIVE).during == (EAST, WEST)
    assert predict(named("edge-killed"), EDGE, STANDBY).during == (WEST,)
    assert struck_by_default(named("edge-killed"), STANDBY) == EDGE


def test_of_five_clusters_all_but_the_struck_one_of_the_first_group_take_over() -> None:
    fault, far = named("workload-gone"), ("central-cluster", WEST)
    order = ((EAST, "east2-cluster"), far)
    predicted = predict(fault, EAST, order)
    assert predicted.during == ("east2-cluster",)
    assert predict(fault, EAST, ((EAST,), far)).during == far
    assert predict(fault, EAST, ((EAST, "east2-cluster", *far),)).text == (
        "east-cluster, east2-cluster, central-cluster and west-cluster answer now; "
        "then east2-cluster, central-cluster and west-cluster."
    )


def test_a_prediction_is_scored_by_who_answered() -> None:
    predicted = predict(named("region-cut"), EAST, ACTIVE)
    assert score(predicted, {WEST}) == ""
    assert "answered east-cluster" in score(predicted, {EAST, WEST})
    assert score(predict(named("packet-loss"), EAST, ACTIVE), {WEST}) == ""


def test_a_fault_may_say_itself_who_answers() -> None:
    predicted = predict(named("region-evacuated"), EAST, ACTIVE, (WEST,))
    assert (predicted.before, predicted.during) == ((EAST, WEST), (WEST,))


def test_the_switch_says_who_answers_in_the_other_mode(tmp_path: Path) -> None:
    switch = named("mode-switch").during
    assert switch
    assert switch(stack(tmp_path), EDGE) == (WEST,)  # stack west's activeCluster
    standby = dataclasses.replace(stack(tmp_path), mode="standby")
    assert switch(standby, EDGE) == (EAST, WEST)


def test_an_evacuated_region_is_a_standby_whatever_the_mode(tmp_path: Path) -> None:
    changes = operation.evacuated(stack(tmp_path), EAST)
    assert changes["lbMode"] == "active"
    weights = {each["name"]: each.get("weight", 100) for each in changes["clusters"]}
    assert weights == {EAST: 0, WEST: 100}
