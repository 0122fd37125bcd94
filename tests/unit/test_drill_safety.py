"""What a drill has broken is mended, and its settings taken back, whatever becomes of it."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drills import action, drill, guard, matrix, settings
from drills.book import Book, Entry
from drills.drill import Pace
from drills.faults import Place, named
from drills.faults.operation import OTHER_SETTINGS
from drills.report.matrix import Outcome, Row
from drills.site import EDGE, Site
from drills.traffic.target import TargetError
from toolchain.errors import UserError

EAST, WEST = "east-cluster", "west-cluster"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    weights = {EAST: 100, WEST: 100}
    folder, order = tmp_path / "west", ((EAST, WEST),)
    return Site("west", folder, tmp_path / "kubeconfig", weights, "active", order=order)


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch, site: Site) -> list[tuple[str, str]]:
    """What guards have mended, with the stack in a folder of the test's own."""
    done: list[tuple[str, str]] = []

    def mend(_: Site, fault: Any, cluster: str, __: Any) -> None:
        done.append((fault.name, cluster))
        Book(site.folder).remove(fault.name, cluster)

    monkeypatch.setattr(action, "mend", mend)
    monkeypatch.setattr(Site, "selected", staticmethod(lambda *_: site))
    monkeypatch.setattr("drills.guard.environment.stack_folder", lambda _: site.folder)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return done


def test_a_guard_mends_what_is_still_written_down(site: Site, mended: list[Any]) -> None:
    Book(site.folder).add(Entry("gateway-gone", EAST, 1.0))
    assert guard.main("west", "gateway-gone", EAST) == 0
    assert mended == [("gateway-gone", EAST)]


def test_a_guard_leaves_what_the_drill_has_mended(site: Site, mended: list[Any]) -> None:
    assert guard.main("west", "gateway-gone", EAST) == 0
    assert mended == []


def test_the_guard_of_an_update_waits_until_all_else_is_mended(
    site: Site, mended: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Book(site.folder)
    book.add(Entry(OTHER_SETTINGS.name, EDGE, 1.0))
    book.add(Entry("cluster-power", EAST, 2.0))
    waited = []

    def until(condition: Any, what: str, *_: Any, **__: Any) -> None:
        waited.append(condition())
        book.remove("cluster-power", EAST)  # by its own guard
        waited.append(condition())

    monkeypatch.setattr(guard, "until", until)
    assert guard.main("west", OTHER_SETTINGS.name, EDGE) == 0
    assert waited == [False, True]
    assert mended == [(OTHER_SETTINGS.name, EDGE)]


def test_settings_are_taken_back_even_if_they_could_not_be_had(
    site: Site, mended: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Any, place: Place, __: Any) -> None:
        assert json.loads(place.memory["changes"]) == {"lbMode": "standby"}
        assert [e.fault for e in Book(site.folder).entries()] == [OTHER_SETTINGS.name]
        raise UserError("the update failed")

    monkeypatch.setattr(action, "strike", refuse)
    monkeypatch.setattr(guard, "standing", lambda *_: settings.contextlib.nullcontext())
    with (
        pytest.raises(UserError, match="the update failed"),
        settings.other(site, {"lbMode": "standby"}, lambda _: None),
    ):
        pytest.fail("not reached")
    assert mended == [(OTHER_SETTINGS.name, EDGE)]
    assert Book(site.folder).entries() == []


def test_a_mode_that_cannot_be_had_fails_its_drills_and_no_others(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(_: Site, changes: dict[str, Any], __: Any) -> Any:
        if changes:
            raise UserError("the update failed")
        return settings.contextlib.nullcontext(site)

    def one(*arguments: Any, **_: Any) -> drill.Outcome:
        raise UserError(f"{arguments[1].name} was tried")

    monkeypatch.setattr(settings, "other", other)
    monkeypatch.setattr(matrix, "one", one)
    monkeypatch.setattr(matrix.environment, "PROJECT", tmp_path)
    faults = [named("gateway-gone"), named("workload-gone")]
    rows, page = matrix.run(site, faults, ["active", "standby"], Pace(), lambda _: None)
    assert [(row.mode, row.drill, row.reason) for row in rows] == [
        ("active", "gateway-gone", "gateway-gone was tried"),
        ("active", "workload-gone", "workload-gone was tried"),
        ("standby", "gateway-gone", "the update failed"),
        ("standby", "workload-gone", "the update failed"),
    ]
    assert {row.outcome for row in rows} == {Outcome.FAILED} and not matrix.is_good(rows)
    assert page.exists() and page.is_relative_to(tmp_path)


def test_a_mode_that_is_not_left_fails_the_matrix_and_the_next_mode_is_tried(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although each drill of the mode was carried out and met its objectives."""

    @contextlib.contextmanager
    def other(_: Site, changes: dict[str, Any], __: Any) -> Iterator[Site]:
        yield dataclasses.replace(site, mode=changes.get("lbMode", site.mode))
        if changes:
            raise UserError("the update back failed")

    def met(there: Site, fault: Any, *_: Any) -> Row:
        return Row(str(fault.layer), fault.name, there.mode, Outcome.MET)

    monkeypatch.setattr(settings, "other", other)
    monkeypatch.setattr(matrix, "_row", met)
    monkeypatch.setattr(matrix.environment, "PROJECT", tmp_path)
    faults = [named("gateway-gone"), named("workload-gone")]
    rows, page = matrix.run(site, faults, ["standby", "active"], Pace(), lambda _: None)
    assert [(row.mode, row.drill, row.outcome) for row in rows] == [
        ("standby", "gateway-gone", Outcome.MET),
        ("standby", "workload-gone", Outcome.MET),
        ("standby", OTHER_SETTINGS.name, Outcome.FAILED),
        ("active", "gateway-gone", Outcome.MET),
        ("active", "workload-gone", Outcome.MET),
    ]
    assert rows[2].reason == "the update back failed"
    assert not matrix.is_good(rows)
    assert "the update back failed" in page.read_text()


def test_outputs_that_cannot_be_read_for_a_moment_fail_one_mode_and_not_the_matrix(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(_: Site, changes: dict[str, Any], __: Any) -> Any:
        raise TargetError("the outputs cannot be read")

    monkeypatch.setattr(settings, "other", other)
    monkeypatch.setattr(matrix.environment, "PROJECT", tmp_path)
    rows, _ = matrix.run(site, [named("gateway-gone")], ["active"], Pace(), lambda _: None)
    assert [row.reason for row in rows] == ["the outputs cannot be read"]


def test_a_fault_of_another_version_keeps_nothing_else_from_being_mended(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, done = Book(site.folder), []
    book.add(Entry("of-another-version", WEST, 1.0))
    book.add(Entry("gateway-gone", EAST, 2.0))
    monkeypatch.setattr(action, "unrecorded", lambda _: [])
    monkeypatch.setattr(
        action, "mend", lambda _, fault, where, __: done.append((fault.name, where))
    )
    (line,) = action.heal_all(site, lambda _: None)
    assert done == [("gateway-gone", EAST)]
    assert line.startswith("of-another-version in west-cluster is a fault that this version does ")
    assert str(book.file) in line


def test_a_guard_waits_for_no_fault_of_another_version(site: Site, mended: list[Any]) -> None:
    book = Book(site.folder)
    book.add(Entry("of-another-version", WEST, 1.0))
    book.add(Entry("cluster-power", EAST, 2.0))
    assert guard._others(book) == ["cluster-power"]


def test_a_cluster_named_for_all_drills_is_not_meant_for_those_of_the_edge(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    struck = []

    def one(_: Site, fault: Any, cluster: str | None, *__: Any, **___: Any) -> drill.Outcome:
        struck.append((fault.name, cluster))
        raise UserError("enough")

    monkeypatch.setattr(matrix, "one", one)
    for name in ("edge-restart", "gateway-gone"):
        matrix._row(site, named(name), Pace(), lambda _: None, WEST, False)
    assert struck == [("edge-restart", None), ("gateway-gone", WEST)]


def test_a_full_disk_keeps_nothing_broken(site: Site) -> None:
    done = []

    def full(_: Any) -> None:
        raise OSError("No space left on device")

    fault = dataclasses.replace(named("gateway-gone"), mend=lambda _: done.append(True))
    Book(site.folder).add(Entry(fault.name, EAST, 1.0))
    action.mend(site, fault, EAST, full)
    assert done and Book(site.folder).entries() == []
