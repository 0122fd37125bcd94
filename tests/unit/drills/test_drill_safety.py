"""What a drill has broken is mended, and its settings taken back, whatever becomes of it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drills import __main__ as commands
from drills import action, drill, guard, matrix, prediction, presentation, temporary_settings
from drills.faults import Means, Strike, named, runtime
from drills.faults.operation import OTHER_SETTINGS
from drills.journal import Entry, Journal
from drills.pace import Pace
from drills.report.matrix_page import Row, Verdict, headline
from drills.stack import EDGE, Stack
from drills.stack_objects import StackObject
from foundation.errors import UserError
from tests.support.drill_stack import EAST, WEST


def test_settings_are_taken_back_even_if_they_could_not_be_had(
    stack: Stack, mended: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Any, strike: Strike, __: Any) -> None:
        assert json.loads(strike.memory["changes"]) == {"lbMode": "standby"}
        assert [e.fault for e in Journal(stack.folder).entries()] == [OTHER_SETTINGS.name]
        raise UserError("the update failed")

    monkeypatch.setattr(action, "make", refuse)
    monkeypatch.setattr(guard, "standing", lambda *_: temporary_settings.contextlib.nullcontext())
    with (
        pytest.raises(UserError, match="the update failed"),
        temporary_settings.other(stack, {"lbMode": "standby"}, lambda _: None),
    ):
        pytest.fail("not reached")
    assert mended == [(OTHER_SETTINGS.name, EDGE)]
    assert Journal(stack.folder).entries() == []


def test_a_mode_that_cannot_be_had_fails_its_drills_and_no_others(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(_: Stack, changes: dict[str, Any], __: Any) -> Any:
        if changes:
            raise UserError("the update failed")
        return temporary_settings.contextlib.nullcontext(stack)

    def one(*arguments: Any, **_: Any) -> drill.Outcome:
        raise UserError(f"{arguments[1].name} was tried")

    monkeypatch.setattr(temporary_settings, "other", other)
    monkeypatch.setattr(matrix, "one", one)
    monkeypatch.setattr(matrix.project, "ROOT", tmp_path)
    faults = [named("gateway-gone"), named("workload-gone")]
    rows, page = matrix.run(stack, faults, ["active", "standby"], Pace(), lambda _: None)
    assert [(row.mode, row.drill, row.reason) for row in rows] == [
        ("active", "gateway-gone", "gateway-gone was tried"),
        ("active", "workload-gone", "workload-gone was tried"),
        ("standby", "gateway-gone", "the update failed"),
        ("standby", "workload-gone", "the update failed"),
    ]
    assert {row.verdict for row in rows} == {Verdict.FAILED} and not matrix.is_good(rows)
    assert page.exists() and page.is_relative_to(tmp_path)


def test_a_mode_that_is_not_left_fails_the_matrix_and_the_next_mode_is_tried(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although each drill of the mode was carried out and met its objectives."""

    @contextlib.contextmanager
    def other(_: Stack, changes: dict[str, Any], __: Any) -> Iterator[Stack]:
        yield dataclasses.replace(stack, mode=changes.get("lbMode", stack.mode))
        if changes:
            raise UserError("the update back failed")

    def met(there: Stack, fault: Any, *_: Any) -> Row:
        return Row(str(fault.layer), fault.name, there.mode, Verdict.MET)

    monkeypatch.setattr(temporary_settings, "other", other)
    monkeypatch.setattr(matrix, "row", met)
    monkeypatch.setattr(matrix.project, "ROOT", tmp_path)
    faults = [named("gateway-gone"), named("workload-gone")]
    rows, page = matrix.run(stack, faults, ["standby", "active"], Pace(), lambda _: None)
    assert [(row.mode, row.drill, row.verdict) for row in rows] == [
        ("standby", "gateway-gone", Verdict.MET),
        ("standby", "workload-gone", Verdict.MET),
        ("standby", OTHER_SETTINGS.name, Verdict.FAILED),
        ("active", "gateway-gone", Verdict.MET),
        ("active", "workload-gone", Verdict.MET),
    ]
    assert rows[2].reason == "the update back failed"
    assert not matrix.is_good(rows)
    assert "the update back failed" in page.read_text()


def test_no_matrix_begins_in_the_settings_of_another_drill(stack: Stack) -> None:
    Journal(stack.folder).add(Entry(OTHER_SETTINGS.name, EDGE, 1.0))
    with pytest.raises(UserError, match=r"has other settings in force.* heal-all -- --stack west"):
        matrix.run(stack, [named("gateway-gone")], ["standby"], Pace(), lambda _: None)
    assert [e.fault for e in Journal(stack.folder).entries()] == [OTHER_SETTINGS.name]


def test_outputs_that_cannot_be_read_for_a_moment_fail_one_mode_and_not_the_matrix(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(_: Stack, changes: dict[str, Any], __: Any) -> Any:
        raise UserError("the outputs cannot be read")

    monkeypatch.setattr(temporary_settings, "other", other)
    monkeypatch.setattr(matrix.project, "ROOT", tmp_path)
    rows, _ = matrix.run(stack, [named("gateway-gone")], ["active"], Pace(), lambda _: None)
    assert [row.reason for row in rows] == ["the outputs cannot be read"]


def test_a_fault_of_another_version_keeps_nothing_else_from_being_mended(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, done = Journal(stack.folder), []
    journal.add(Entry("of-another-version", WEST, 1.0))
    journal.add(Entry("gateway-gone", EAST, 2.0))
    monkeypatch.setattr(action, "unrecorded", lambda _: [])
    monkeypatch.setattr(
        action, "mend", lambda _, fault, where, __: done.append((fault.name, where))
    )
    (line,) = action.heal_all(stack, lambda _: None)
    assert done == [("gateway-gone", EAST)]
    assert line.startswith("of-another-version in west-cluster is a fault that this version does ")
    assert str(journal.file) in line


def test_a_fault_that_a_drill_could_not_mend_is_mended_in_another_mode_too(
    stack: Stack, mended: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(stack.folder)
    journal.add(Entry(OTHER_SETTINGS.name, EDGE, 1.0))

    def one(*_: Any, **__: Any) -> drill.Outcome:
        journal.add(Entry("gateway-gone", EAST, 2.0))
        raise UserError("gateway-gone is not mended")

    monkeypatch.setattr(action, "unrecorded", lambda _: [])
    monkeypatch.setattr(matrix, "one", one)
    there = dataclasses.replace(stack, changes={"lbMode": "standby"})
    row = matrix.row(there, named("gateway-gone"), Pace(), lambda _: None, None)
    assert (row.verdict, mended) == (Verdict.FAILED, [("gateway-gone", EAST)])
    assert [entry.fault for entry in journal.entries()] == [OTHER_SETTINGS.name], "on purpose"
    assert action.heal_all(stack, lambda _: None) == []
    assert mended[1:] == [(OTHER_SETTINGS.name, EDGE)], "once it is no more"


def test_a_cluster_named_for_all_drills_is_not_meant_for_those_of_the_edge(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    struck = []

    def one(_: Stack, fault: Any, cluster: str | None, *__: Any, **___: Any) -> drill.Outcome:
        struck.append((fault.name, cluster))
        raise UserError("enough")

    monkeypatch.setattr(matrix, "one", one)
    for name in ("edge-restart", "gateway-gone"):
        matrix.row(stack, named(name), Pace(), lambda _: None, WEST, False)
    assert struck == [("edge-restart", None), ("gateway-gone", WEST)]


def test_a_full_disk_keeps_nothing_broken(stack: Stack) -> None:
    done = []

    def full(_: Any) -> None:
        raise OSError("No space left on device")

    fault = dataclasses.replace(
        named("gateway-gone"), means=Means("", lambda _: None, lambda _: done.append(True))
    )
    Journal(stack.folder).add(Entry(fault.name, EAST, 1.0))
    action.mend(stack, fault, EAST, full)
    assert done and Journal(stack.folder).entries() == []


def test_what_nobody_wrote_down_is_looked_for_at_once_in_a_silent_cluster(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(4)

    def seen(strike: Strike) -> bool:
        together.wait(timeout=10)  # who looks for one after the other waits for ever
        if strike.cluster == WEST:
            raise UserError("no answer")
        return True

    means = dataclasses.replace(named("gateway-gone").means, seen=seen)
    faults = [dataclasses.replace(named(n), means=means) for n in ("gateway-gone", "workload-gone")]
    monkeypatch.setattr(action, "FAULTS", faults)
    found = action.unrecorded(stack)
    assert [(fault.name, cluster) for fault, cluster in found] == [
        ("gateway-gone", EAST),
        ("workload-gone", EAST),
    ]


def pod(namespace: str, kind: str, owner: str) -> dict[str, Any]:
    owners = [{"kind": kind, "name": owner}]
    metadata = {"namespace": namespace, "name": f"{owner}-x", "uid": f"{namespace}/{owner}"}
    return {"metadata": {**metadata, "ownerReferences": owners}}


class Pods:
    """The pods of a cluster, by namespace; a deleted one is gone at once."""

    def __init__(self, *namespaces: str) -> None:
        self.items = [pod(n, "ReplicaSet", "shop-5f7c") for n in namespaces]

    def ask(self, _: str, method: str, path: str) -> Any:
        if method == "DELETE":
            paths = [
                f"/{i['metadata']['namespace']}/pods/{i['metadata']['name']}" for i in self.items
            ]
            self.items = [i for i, p in zip(self.items, paths, strict=True) if not path.endswith(p)]
        return {"items": list(self.items)}


@pytest.mark.parametrize("is_local", [True, False])
def test_a_drain_of_a_cluster_of_others_leaves_their_pods(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, is_local: bool
) -> None:
    pods = Pods("retail", "tetrate-system", "kube-system", "theirs")
    pods.items.append(pod("retail", "ReplicaSet", "theirs-77"))
    monkeypatch.setitem(stack.__dict__, "objects", pods)
    own = [StackObject(EAST, deployment(n, "shop"), "pulumi") for n in ("retail", "tetrate-system")]
    monkeypatch.setitem(stack.__dict__, "stack_objects", own)
    monkeypatch.setitem(stack.__dict__, "embedded", {EAST: None} if is_local else {})
    named("node-drain").means.break_(Strike(stack, EAST))
    left = {item["metadata"]["uid"] for item in pods.items}
    others = {"kube-system/shop-5f7c", "theirs/shop-5f7c", "retail/theirs-77"}
    assert left == (set() if is_local else others)


def deployment(namespace: str, name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


class Nodes:
    """Nodes that their owner has cordoned."""

    def read(self, *_: str) -> dict[str, Any]:
        return {"metadata": {"managedFields": []}, "spec": {"unschedulable": True}}


def test_nodes_that_others_have_cordoned_stay_so(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = {"metadata": {"name": "n"}, "spec": {"unschedulable": True}}
    monkeypatch.setattr(Stack, "get", lambda *_: {"items": [node]})
    monkeypatch.setitem(stack.__dict__, "objects", Nodes())
    monkeypatch.setitem(stack.__dict__, "embedded", {})
    assert not named("node-drain").means.seen(Strike(stack, EAST))
    monkeypatch.setitem(stack.__dict__, "embedded", {EAST: None})
    assert named("node-drain").means.seen(Strike(stack, EAST)), "by hand, and the node is ours"


def test_a_break_that_fails_is_mended_and_says_why(
    stack: Stack, mended: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise UserError("its pods do not end")

    means = Means("", fail, lambda _: None)
    fault = dataclasses.replace(named("workload-gone"), means=means)
    with pytest.raises(UserError, match="its pods do not end"):
        commands._break(stack, fault, EAST)
    assert mended == [("workload-gone", EAST)]
    assert Journal(stack.folder).entries() == []


def test_a_load_that_is_not_sent_is_said(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    for name, said in (("overload", True), ("gateway-gone", False)):
        means = Means("", lambda _: None, lambda _: None)
        assert commands._break(stack, dataclasses.replace(named(name), means=means), EAST) == 0
        drill = f"drill -- {name} --cluster {EAST} --stack west"
        assert (f"The load is not sent, which only a drill does: ./demo task {drill}"
                in capsys.readouterr().out) is said  # fmt: skip


def test_a_machine_that_does_not_answer_fails_one_drill(stack: Stack) -> None:
    def late(_: Any) -> None:
        raise TimeoutError("timed out")

    fault = dataclasses.replace(named("cluster-power"), means=Means("", late, lambda _: None))
    with pytest.raises(UserError, match="cluster-power in east-cluster is not made: timed out"):
        action.make(fault, Strike(stack, EAST), lambda _: None)


@pytest.mark.parametrize(
    ("name", "serving"),
    [("workload-gone", [(WEST,)]), ("gateway-killed", [None]), ("edge-restart", [None])],
)
def test_a_fault_made_by_hand_says_who_may_answer(
    stack: Stack, name: str, serving: list[Any]
) -> None:
    told: list[Any] = []
    fault = dataclasses.replace(named(name), means=Means("", lambda _: None, lambda _: None))
    struck = EDGE if fault.edge else EAST
    predicted = prediction.predict(fault, struck, stack.order)
    action.make_predicted(fault, Strike(stack, struck), predicted, told.append)
    open_ = predicted.during is None
    assert [event.serving for event in told] == ([(EAST, WEST)] if open_ else serving)


def test_a_matrix_of_nothing_is_not_good() -> None:
    unavailable = [Row("cluster", "cluster-power", "active", Verdict.UNAVAILABLE)]
    for rows in ([], unavailable):
        assert not matrix.is_good(rows)
        assert headline(rows) == ("No drill was carried out", False)


def test_a_talk_goes_on_after_an_act_that_could_not_be_shown(
    tmp_path: Path, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any, **__: Any) -> Any:
        raise UserError("the traffic has ended before its time")

    monkeypatch.setattr(matrix, "one", failing)
    monkeypatch.setattr(matrix.preconditions, "in_force", lambda _: [])
    monkeypatch.setattr(matrix.project, "ROOT", tmp_path)
    said: list[str] = []
    presentation.run(stack, Pace(), said.append, lambda _: None)
    assert len([line for line in said if "the traffic has ended" in line]) > 1


@pytest.mark.parametrize("name", ["pods-slow", "pods-errors"])
def test_mending_slow_pods_leaves_their_errors_and_the_other_way_round(
    name: str, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_back: list[list[str]] = []
    monkeypatch.setattr(runtime, "set_all", lambda _, values: set_back.append(list(values)))
    named(name).means.mend(Strike(stack, EAST))
    assert set_back == [[runtime.DELAY if name == "pods-slow" else runtime.ABORT]]
