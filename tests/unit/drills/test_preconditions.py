"""What must not be broken now, and what is written down of what is."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from drills import preconditions
from drills.application import Workload
from drills.faults import (
    named,
)
from drills.journal import Entry, Journal
from drills.stack import EDGE, GATEWAY_WORKLOAD
from foundation.errors import UserError
from tests.support.drill_stack import CLUSTERS, EAST, WELL, WEST


def test_a_healthy_stack_may_be_struck() -> None:
    assert preconditions.refusal(named("workload-gone"), EAST, CLUSTERS, WELL, []) == ""


def test_the_last_healthy_path_is_not_broken() -> None:
    fault = named("gateway-gone")
    ill = {**WELL, WEST: "gateway has 0 of 0 pods ready"}
    assert "last healthy path" in preconditions.refusal(fault, EAST, CLUSTERS, ill, [])
    written = [Entry("region-cut", WEST, 0.0)]
    refused = preconditions.refusal(fault, EAST, CLUSTERS, WELL, written)
    assert "last healthy path" in refused and "region-cut is in force" in refused


def test_the_only_path_there_is_is_not_broken() -> None:
    alone = {EDGE: "", EAST: ""}
    refused = preconditions.refusal(named("gateway-gone"), EAST, (EAST, EDGE), alone, [])
    assert refused == f"{EAST} is the only application cluster, so nobody could answer. Add --force"
    assert preconditions.refusal(named("edge-restart"), EDGE, (EAST, EDGE), alone, []) == ""
    assert preconditions.refusal(named("control-plane-gone"), EAST, (EAST, EDGE), alone, []) == ""


def test_an_ill_stack_is_not_struck_and_unknown_clusters_are_named() -> None:
    ill = {**WELL, EDGE: "no answer"}
    assert "not well" in preconditions.refusal(named("pod-killed"), EAST, CLUSTERS, ill, [])
    assert "no cluster 'north'" in preconditions.refusal(
        named("pod-killed"), "north", CLUSTERS, WELL, []
    )
    assert "strikes corp-edge" in preconditions.refusal(
        named("edge-killed"), EAST, CLUSTERS, WELL, []
    )
    assert "not corp-edge" in preconditions.refusal(named("pod-killed"), EDGE, CLUSTERS, WELL, [])


def deployment(wanted: int, ready: int) -> dict[str, Any]:
    metadata = {"namespace": "tetrate-system", "name": "gateway"}
    status = {"readyReplicas": ready} if ready else {}
    spec = {"replicas": wanted}
    return {"kind": "Deployment", "metadata": metadata, "spec": spec, "status": status}


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
    assert preconditions.complaint(items, [GATEWAY_WORKLOAD]) == said


def test_a_daemon_set_is_well_when_each_node_has_its_pod() -> None:
    wanted = Workload("DaemonSet", "shop", "shop")
    metadata = {"namespace": "shop", "name": "shop"}
    status = {"desiredNumberScheduled": 2, "numberReady": 1}
    items = [{"kind": "DaemonSet", "metadata": metadata, "spec": {}, "status": status}]
    assert preconditions.complaint(items, [wanted]) == "shop has 1 of 2 pods ready"
    items[0]["status"] = {**status, "numberReady": 2}
    assert preconditions.complaint(items, [wanted]) == ""
    assert preconditions.complaint(items, [wanted._replace(kind="Deployment")]) == "shop is missing"


def test_the_journal_is_private_and_keeps_the_first_memory(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "west")
    first = Entry("workload-gone", EAST, 1.0, {"replicas": "2"})
    assert journal.entries() == []
    assert journal.add(first) == first
    assert journal.add(Entry("workload-gone", EAST, 2.0, {"replicas": "0"})) == first
    journal.add(Entry("workload-gone", WEST, 3.0))
    assert stat.S_IMODE(journal.file.stat().st_mode) == 0o600
    journal.remove("workload-gone", EAST)
    journal.remove("workload-gone", EAST)
    assert [entry.cluster for entry in Journal(tmp_path / "west").entries()] == [WEST]
    assert [path.name for path in journal.file.parent.iterdir()] == ["faults.json"]


def test_a_damaged_journal_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "faults.json").write_text("[{")
    with pytest.raises(UserError, match="heal-all"):
        Journal(tmp_path).entries()
