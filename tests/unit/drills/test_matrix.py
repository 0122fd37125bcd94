"""The matrix of all drills: a mode or a drill that cannot be had is a row, and the rest goes on."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drills import action, drill, matrix, presentation, temporary_settings
from drills.application import Application
from drills.faults import named
from drills.faults.operation import OTHER_SETTINGS
from drills.journal import Entry, Journal
from drills.pace import Pace
from drills.report.matrix_page import Row, Verdict, headline
from drills.stack import EDGE, Stack
from drills.traffic import summary
from drills.traffic.accounts import ledger_of
from foundation.errors import UserError
from tests.support.drill_stack import EAST, WEST
from tests.support.report_pages import write


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


def test_a_line_of_many_drills_says_what_lost_requests_got_and_no_reason_twice(
    tmp_path: Path,
) -> None:
    ledger = ledger_of(write(tmp_path, lost=7))
    missed = matrix.line(Row("workload", "gone", "active", Verdict.MISSED, "lost", ledger))
    assert "lost 7" in missed
    assert missed.endswith(summary.losses(ledger)[0])
    away = Row("cluster", "nodes-killed", "active", Verdict.UNAVAILABLE, "not our machine")
    assert matrix.line(away) == "not available: not our machine"


def test_a_talk_about_an_own_application_speaks_of_no_bank(
    tmp_path: Path, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said_of(application: Application) -> str:
        said: list[str] = []
        there = dataclasses.replace(stack, application=application)
        presentation.run(there, Pace(), said.append, lambda _: None)
        return "\n".join(said[:4])

    monkeypatch.setattr(presentation, "_acts", lambda *_: None)
    monkeypatch.setattr(matrix.project, "ROOT", tmp_path)
    assert "The bank: " in said_of(stack.application)
    own = said_of(dataclasses.replace(stack.application, namespace="shop", name="shop"))
    assert "The application: " in own and "x-served-by-cluster" in own
    assert "bank" not in own and "colour" not in own
