"""`task soak`: its arguments, its exit code, and the records that it keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from drills import action, matrix
from drills.faults import Fault
from drills.journal import Entry, Journal
from drills.report.matrix_page import Row, Verdict
from drills.soak.__main__ import main
from drills.stack import EDGE, Stack
from drills.traffic import record as traffic_record
from tests.support.soak import CLUSTERS


@pytest.mark.parametrize(
    "arguments",
    [("--hours", "0"), ("--minutes", "-1"), ("--hours", "1", "--minutes", "1"), ("--seed", "x")],
)
def test_what_cannot_be_meant_is_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The stack that a soak finds selected; its reports go into the test's folder."""
    weights = {name: 100 for name in CLUSTERS if name != EDGE}
    found = Stack("west", tmp_path / "west", tmp_path / "kubeconfig", weights, "active")
    monkeypatch.setattr(Stack, "selected", staticmethod(lambda *_: found))
    monkeypatch.setattr(matrix.project, "ROOT", tmp_path)
    return found


def _interrupted() -> Verdict:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("does", "code", "words"),
    [
        (lambda: Verdict.MET, 0, "2 of 2 events met"),
        (lambda: Verdict.MISSED, 1, "0 of 2 events met"),
        (lambda: Verdict.FAILED, 1, "0 of 2 events met"),
        (_interrupted, 130, "Interrupted during event 1, "),
    ],
)
def test_the_exit_code_says_whether_all_was_well(
    does: Callable[[], Verdict],
    code: int,
    words: str,
    stack: Stack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    healed: list[str] = []

    def row(_: Stack, fault: Fault, __: object, ___: object, cluster: str) -> Row:
        Journal(stack.folder).add(Entry(fault.name, cluster, 1.0))  # as if it could not be mended
        return Row(str(fault.layer), fault.name, "active", does())

    def heal_all(_: Stack, __: object) -> list[str]:
        for entry in Journal(stack.folder).entries():
            healed.append(entry.fault)
            Journal(stack.folder).remove(entry.fault, entry.cluster)
        return []

    monkeypatch.setattr(matrix, "row", row)
    monkeypatch.setattr(action, "heal_all", heal_all)
    assert main(["--minutes", "0.000000001", "--seed", "4"]) == code
    said = capsys.readouterr().out
    assert words in said and healed
    (file,) = (tmp_path / "reports").glob("*-soak/soak.md")
    assert words in file.read_text() and str(file) in said


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize(
    ("verdict", "options", "is_kept"),
    [(Verdict.MET, [], False), (Verdict.MISSED, [], True), (Verdict.MET, ["--keep-records"], True)],
)
def test_the_record_of_an_event_that_met_its_objectives_is_kept_when_asked_for(
    verdict: Verdict,
    options: list[str],
    is_kept: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = tmp_path / "reports" / "event"

    def row(_: Stack, fault: Fault, *__: object) -> Row:
        event.mkdir(parents=True, exist_ok=True)
        for name in (traffic_record.FILE, "report.md"):
            (event / name).touch()
        return Row(str(fault.layer), fault.name, "active", verdict, folder="../event")

    monkeypatch.setattr(matrix, "row", row)
    main(["--minutes", "0.000000001", *options])
    assert (event / traffic_record.FILE).exists() == is_kept
    assert (event / "report.md").exists()
