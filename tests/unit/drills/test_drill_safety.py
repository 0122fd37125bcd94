"""What a drill has broken is mended, and its settings taken back, whatever becomes of it."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from drills import __main__ as commands
from drills import action, guard, matrix, prediction, status, temporary_settings
from drills.alone import only_drill
from drills.clients import __main__ as clients
from drills.clients.catalogue import Found
from drills.compare import __main__ as compare
from drills.compare import stack_access
from drills.faults import Means, Strike, named, runtime
from drills.faults.operation import OTHER_SETTINGS
from drills.journal import Entry, Journal
from drills.soak import __main__ as soak
from drills.stack import EDGE, Stack
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


@pytest.mark.parametrize("name", ["pods-slow", "pods-errors"])
def test_mending_slow_pods_leaves_their_errors_and_the_other_way_round(
    name: str, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_back: list[list[str]] = []
    monkeypatch.setattr(runtime, "set_all", lambda _, values: set_back.append(list(values)))
    named(name).means.mend(Strike(stack, EAST))
    assert set_back == [[runtime.DELAY if name == "pods-slow" else runtime.ABORT]]


@pytest.mark.parametrize(
    ("recorded", "seen", "said"),
    [
        (True, False, "gateway-gone in west-cluster is mended."),
        (False, True, "gateway-gone in west-cluster is mended."),
        (False, False, "gateway-gone was not in force in west-cluster; its fix ran all the same."),
    ],
)
def test_a_fix_says_whether_there_was_anything_to_mend(
    stack: Stack,
    mended: list[Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    recorded: bool,
    seen: bool,
    said: str,
) -> None:
    if recorded:
        Journal(stack.folder).add(Entry("gateway-gone", WEST, 1.0))
    monkeypatch.setattr(action, "is_seen", lambda *_: seen)
    assert commands._fix(stack, named("gateway-gone"), WEST) == 0
    assert mended == [("gateway-gone", WEST)]
    assert capsys.readouterr().out == f"{said}\n"


def test_nothing_is_struck_while_an_update_goes_on(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise UserError("An update is under way")

    monkeypatch.setattr(matrix.leftovers, "check_idle", refuse)
    monkeypatch.setattr(matrix.preconditions, "look", lambda _: {})
    with pytest.raises(UserError, match="An update is under way"):
        matrix.check(stack, named("gateway-gone"), WEST, force=False)
    matrix.check(stack, named("gateway-gone"), WEST, force=True)


@pytest.mark.parametrize(
    ("update", "end"), [("", "heal-all"), ("An update", "has ended: ./demo task status")]
)
def test_what_an_update_is_about_to_change_is_not_to_be_mended(
    stack: Stack,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    update: str,
    end: str,
) -> None:
    monkeypatch.setattr(action, "unrecorded", lambda _: [])
    monkeypatch.setattr(status.preconditions, "look", lambda _: {WEST: "gateway is missing"})
    monkeypatch.setattr(status.reconcile, "look", lambda _: status.reconcile.Look())
    monkeypatch.setattr(status.leftovers, "under_way", lambda *_: update)
    assert status.show(stack) == 1
    assert capsys.readouterr().out.endswith(f"{end} -- --stack west\n")


def test_what_a_drill_has_broken_is_not_to_be_mended(
    stack: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(action, "unrecorded", lambda _: [])
    monkeypatch.setattr(status.preconditions, "look", lambda _: {WEST: "gateway is missing"})
    monkeypatch.setattr(status.reconcile, "look", lambda _: status.reconcile.Look())
    with only_drill(stack):
        assert status.show(stack) == 1
    assert capsys.readouterr().out.endswith(
        "A drill of stack west runs, so this may be its work."
        " When it has ended: ./demo task status -- --stack west\n"
    )
    assert status.show(stack) == 1
    assert capsys.readouterr().out.endswith("./demo task heal-all -- --stack west\n")


def test_a_fix_touches_no_cluster_in_which_its_fault_cannot_be(
    stack: Stack, mended: list[Any]
) -> None:
    """The edge's Deployment is called as the gateways' are."""
    with pytest.raises(UserError, match="gateway-gone strikes an application cluster, not corp-e"):
        commands._fix(stack, named("gateway-gone"), EDGE)
    with pytest.raises(UserError, match="There is no cluster 'west'; there are: east-cluster, w"):
        commands._fix(stack, named("gateway-gone"), "west")
    assert mended == []


def test_expired_credentials_are_said_to_be_read_again_by_an_update(
    stack: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "`kubectl get`: You must be logged in to the server (Unauthorized)"
    monkeypatch.setattr(action, "unrecorded", lambda _: [])
    monkeypatch.setattr(status.preconditions, "look", lambda _: {WEST: text})
    monkeypatch.setattr(status.reconcile, "look", lambda _: status.reconcile.Look())
    assert status.show(stack) == 1
    assert "kubeconfig by: ./demo up west\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (commands.main, ["break", "workload-gone"]),
        (soak.main, ["--minutes", "1"]),
        (clients.main, ["gateway-gone", "--client", "requests"]),
        (compare.main, ["gateway-gone", "--with", "envoy-tuned"]),
    ],
)
def test_what_a_drill_has_broken_refuses_no_other_as_if_it_were_left(
    stack: Stack,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    main: Callable[[list[str]], int],
    arguments: list[str],
) -> None:
    """Its fault would be said to be mended by heal-all, and of a soak there would be no report."""
    Journal(stack.folder).add(Entry("gateway-gone", EAST, 1.0))
    monkeypatch.setattr(Stack, "selected", staticmethod(lambda *_: stack))
    monkeypatch.setattr(stack_access, "check", lambda _: None)
    (requests,) = (client for client in clients.CLIENTS if client.name == "requests")
    there = dataclasses.replace(requests, find=lambda: Found("1"))
    monkeypatch.setattr(clients, "CLIENTS", (there,))
    monkeypatch.setattr(clients.matrix.preconditions, "look", lambda _: {})
    monkeypatch.setattr(commands, "_break", lambda *_: 0)
    with only_drill(stack):
        assert main(arguments) == 1
    refused = "error: Another drill of stack west runs: wait for its end, or end it by Ctrl-C\n"
    assert capsys.readouterr() == ("", refused)


def test_who_forces_it_breaks_something_in_the_middle_of_a_drill(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stack, "selected", staticmethod(lambda *_: stack))
    monkeypatch.setattr(commands, "_break", lambda *_: 0)
    with only_drill(stack):
        assert commands.main(["break", "workload-gone", "--force"]) == 0


@pytest.mark.parametrize(
    ("arguments", "code"), [(["run", "gateway-gone"], 1), (["demo"], 1), (["status"], 0)]
)
def test_two_drills_of_a_stack_do_not_spoil_each_other(
    stack: Stack,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
) -> None:
    """One would mend what the other has broken, and take back its settings."""
    stack.folder.mkdir()
    monkeypatch.setattr(Stack, "selected", staticmethod(lambda *_: stack))
    monkeypatch.setattr(commands, "_carry_out", lambda *_: 0)
    with only_drill(stack):
        assert commands.main(arguments) == code
    refused = "error: Another drill of stack west runs: wait for its end, or end it by Ctrl-C\n"
    assert capsys.readouterr().err == (refused if code else "")
    assert commands.main(arguments) == 0
