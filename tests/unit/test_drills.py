"""Drills without clusters: catalogue, prediction, rails, the book of faults, arguments."""

from __future__ import annotations

import dataclasses
import stat
import xmlrpc.client
from pathlib import Path
from typing import Any

import pytest

from drills import __main__ as command
from drills import action, rails
from drills.book import Book, Entry
from drills.faults import FAULTS, Fault, Moves, Place, named, network
from drills.prediction import predict, score, struck_by_default
from drills.site import EDGE, Site
from toolchain.errors import UserError

EAST, WEST = "east-cluster", "west-cluster"
ACTIVE = ((EAST, WEST),)
STANDBY = ((WEST,), (EAST,))
CLUSTERS = (EAST, WEST, EDGE)
WELL = dict.fromkeys(CLUSTERS, "")


def site(folder: Path) -> Site:
    weights = {EAST: 100, WEST: 100}
    return Site("west", folder, folder / "kubeconfig", weights, "active")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_has_a_fix_a_layer_and_a_sentence(fault: Fault) -> None:
    assert callable(fault.break_) and callable(fault.mend) and fault.break_ is not fault.mend
    assert fault.what.endswith(".") and fault.layer and fault.objectives.lost == 0
    assert named(fault.name) is fault


def test_names_are_unique_and_each_layer_is_there() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert {str(f.layer) for f in FAULTS} >= {"workload", "gateway", "cluster", "infrastructure"}


def test_without_the_machine_below_what_needs_it_says_why(tmp_path: Path) -> None:
    elsewhere = site(tmp_path)
    assert not elsewhere.is_local
    assert "machine below" in named("region-cut").unavailable(elsewhere)
    assert named("workload-gone").unavailable(elsewhere) == ""


def test_a_misspelt_fault_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match="Did you mean workload-gone"):
        named("workload-gon")


def test_active_strikes_east_and_west_takes_all() -> None:
    fault = named("workload-gone")
    assert struck_by_default(fault, ACTIVE, EDGE) == EAST
    assert predict(fault, EAST, ACTIVE).during == (WEST,)


def test_standby_strikes_the_active_one_and_the_other_takes_over() -> None:
    fault = named("gateway-gone")
    assert struck_by_default(fault, STANDBY, EDGE) == WEST
    predicted = predict(fault, WEST, STANDBY)
    assert (predicted.before, predicted.during) == ((WEST,), (EAST,))


def test_what_leaves_the_data_path_alone_moves_nothing() -> None:
    assert predict(named("control-plane-gone"), EAST, ACTIVE).during == (EAST, WEST)
    assert predict(named("edge-killed"), EDGE, STANDBY).during == (WEST,)
    assert struck_by_default(named("edge-killed"), STANDBY, EDGE) == EDGE


def test_a_prediction_is_scored_by_who_answered() -> None:
    predicted = predict(named("region-cut"), EAST, ACTIVE)
    assert score(predicted, {WEST}) == ""
    assert "answered east-cluster" in score(predicted, {EAST, WEST})
    assert score(predict(named("packet-loss"), EAST, ACTIVE), {WEST}) == ""


def test_a_healthy_stack_may_be_struck() -> None:
    assert rails.refusal(named("workload-gone"), EAST, CLUSTERS, WELL, []) == ""


def test_the_last_healthy_path_is_not_broken() -> None:
    fault = named("gateway-gone")
    ill = {**WELL, WEST: "gateway has 0 of 0 pods ready"}
    assert "last healthy path" in rails.refusal(fault, EAST, CLUSTERS, ill, [])
    written = [Entry("region-cut", WEST, 0.0)]
    refused = rails.refusal(fault, EAST, CLUSTERS, WELL, written)
    assert "last healthy path" in refused and "region-cut is in force" in refused


def test_an_ill_stack_is_not_struck_and_unknown_clusters_are_named() -> None:
    ill = {**WELL, EDGE: "no answer"}
    assert "not well" in rails.refusal(named("pod-killed"), EAST, CLUSTERS, ill, [])
    assert "no cluster 'north'" in rails.refusal(named("pod-killed"), "north", CLUSTERS, WELL, [])
    assert "strikes corp-edge" in rails.refusal(named("edge-killed"), EAST, CLUSTERS, WELL, [])
    assert "not corp-edge" in rails.refusal(named("pod-killed"), EDGE, CLUSTERS, WELL, [])


def deployment(wanted: int, ready: int) -> dict[str, Any]:
    metadata = {"namespace": "tetrate-system", "name": "gateway"}
    status = {"readyReplicas": ready} if ready else {}
    return {"metadata": metadata, "spec": {"replicas": wanted}, "status": status}


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([deployment(2, 2)], ""),
        ([deployment(2, 1)], "gateway has 1 of 2 pods ready"),
        ([deployment(0, 0)], "gateway has 0 of 0 pods ready"),
        ([], "gateway is missing"),
    ],
)
def test_what_is_wrong_with_a_cluster_is_said(items: list[dict[str, Any]], said: str) -> None:
    assert rails.complaint(items, [("tetrate-system", "gateway")]) == said


def test_the_book_is_private_and_keeps_the_first_memory(tmp_path: Path) -> None:
    book = Book(tmp_path / "west")
    first = Entry("workload-gone", EAST, 1.0, {"replicas": "2"})
    assert book.entries() == []
    assert book.add(first) == first
    assert book.add(Entry("workload-gone", EAST, 2.0, {"replicas": "0"})) == first
    book.add(Entry("workload-gone", WEST, 3.0))
    assert stat.S_IMODE(book.file.stat().st_mode) == 0o600
    book.remove("workload-gone", EAST)
    book.remove("workload-gone", EAST)
    assert [entry.cluster for entry in Book(tmp_path / "west").entries()] == [WEST]
    assert [path.name for path in book.file.parent.iterdir()] == ["faults.json"]


def test_a_damaged_book_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "faults.json").write_text("[{")
    with pytest.raises(UserError, match="heal-all"):
        Book(tmp_path).entries()


def test_packets_vanish_both_ways_and_some_only_by_chance() -> None:
    text = network.rules("region-cut", ["10.89.0.32/28"])
    assert text.startswith("*mangle\n:DRILL-region-cut ") and text.endswith("COMMIT\n")
    assert "-s 10.89.0.32/28 -j DROP" in text and "-d 10.89.0.32/28 -j DROP" in text
    assert "statistic" not in text
    assert "--probability 0.05 -j DROP" in network.rules("packet-loss", ["10.89.0.32/28"], 0.05)


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.machine], ids=lambda f: f.name)
def test_names_of_chains_are_short_enough(fault: Fault) -> None:
    assert len(network.PREFIX + fault.name) <= 28


def test_unknown_faults_end_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["break", "gateway-gon"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["brake"], ["run", "all", "--rate", "0"], ["break"]])
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2


def test_somebody_elses_cluster_is_not_struck_from_below(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not run on this machine"):
        assert Place(site(tmp_path), EAST).spec


def test_only_faults_that_take_a_path_away_move_all() -> None:
    moving = {fault.name for fault in FAULTS if fault.moves is Moves.ALL}
    assert {"workload-gone", "gateway-gone", "region-cut", "cluster-power"} <= moving
    assert not {"pod-killed", "control-plane-gone", "edge-killed", "link-cut"} & moving


def test_what_does_not_heal_is_said_and_stays_written_down(tmp_path: Path) -> None:
    def refuse(_: Place) -> None:
        raise xmlrpc.client.Fault(92, "CANT_REREAD")

    fault = dataclasses.replace(named("cluster-power"), mend=refuse)
    Book(tmp_path).add(Entry(fault.name, EAST, 1.0))
    with pytest.raises(UserError, match=r"CANT_REREAD.*heal-all"):
        action.mend(site(tmp_path), fault, EAST, lambda event: None)
    assert [entry.fault for entry in Book(tmp_path).entries()] == ["cluster-power"]
