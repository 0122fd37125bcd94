"""Drills, matrix and talk that end before their time say what there is, and judge nothing more."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from drills import action, drill, guard, matrix, presentation
from drills.faults import Means, named
from drills.pace import Pace
from drills.report.matrix_page import Row, Verdict
from drills.stack import Stack
from drills.traffic import Event, EventKind, Header, Objectives, Sample, record
from drills.traffic.ending import cut_short
from drills.traffic.generator import TrafficError
from foundation.errors import UserError
from tests.support.drill_stack import EAST, WEST


def test_an_interrupted_matrix_says_what_was_not_done(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def row(there: Stack, fault: Any, *_: Any) -> Row:
        if fault.name == "workload-gone":
            raise KeyboardInterrupt
        return Row(str(fault.layer), fault.name, there.mode, Verdict.MET)

    monkeypatch.setattr(matrix, "row", row)
    monkeypatch.setattr(matrix.project, "ROOT", tmp_path)
    faults = [named("gateway-gone"), named("workload-gone")]
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        matrix.run(stack, faults, ["active", "standby"], Pace(), said.append)
    (page,) = (tmp_path / "reports").glob("*/matrix.md")
    assert said[-1] == f"Matrix: {page.with_suffix('.html')}"
    assert "1 of 4 met their objectives" in page.read_text()
    assert page.read_text().count("interrupted before its end") == 3


def test_a_matrix_that_is_killed_has_the_drills_that_are_over(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[int] = []

    def row(there: Stack, fault: Any, *_: Any) -> Row:
        assert callable(signal.getsignal(signal.SIGTERM)), "it ends in order"
        pages.append(len(list((tmp_path / "reports").glob("*/matrix.html"))))
        return Row(str(fault.layer), fault.name, there.mode, Verdict.MET)

    monkeypatch.setattr(matrix, "row", row)
    monkeypatch.setattr(matrix.project, "ROOT", tmp_path)
    faults = [named("gateway-gone"), named("workload-gone")]
    matrix.run(stack, faults, ["active"], Pace(), lambda _: None)
    assert pages == [0, 1]


def test_an_interrupted_talk_says_where_its_acts_are(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def one(_: Stack, fault: Any, *__: Any, **___: Any) -> str:
        if done:
            signal.raise_signal(signal.SIGTERM)
        done.append(fault.name)
        return "gateway"

    row = Row("gateway", "gateway-gone", "active", Verdict.MET)
    monkeypatch.setattr(matrix, "one", one)
    monkeypatch.setattr(matrix, "of", lambda *_: row)
    monkeypatch.setattr(matrix.project, "ROOT", tmp_path)
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        presentation.run(stack, Pace(), said.append, lambda _: None)
    (page,) = (tmp_path / "reports").glob("*/matrix.html")
    assert said[-1] == f"\nThe acts that are over: {page}"


@pytest.mark.parametrize(
    ("module", "words"),
    [("drills", ["status"]), ("drills.clients", []), ("drills.compare", []), ("drills.soak", [])],
)
def test_an_interrupted_command_says_where_to_look(
    module: str,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(*_: Any) -> int:
        raise KeyboardInterrupt

    command = importlib.import_module(f"{module}.__main__")
    monkeypatch.setattr(command, "_run", interrupt)
    assert command.main([*words, "--stack", "east"]) == 130
    assert capsys.readouterr().err.endswith(": ./demo task status -- --stack east\n")
    assert command.main(words) == 130
    assert capsys.readouterr().err.endswith(": ./demo task status\n")


class _Sent:
    """Traffic that keeps its record and has sent so many requests."""

    def __init__(self, folder: Path, count: int, header: Header | None = None) -> None:
        self.path, self.count = folder / record.FILE, count
        promised = Objectives(slowest=0.1, moved=1.0)
        own = Header(run="r", started=1.0, fault="gateway-gone", objectives=promised)
        self._header = header or own

    def __enter__(self) -> Self:
        self._writer = record.Writer(self.path, self._header)
        for number in range(self.count):
            at = 1.0 + number / 10
            sample = Sample(f"r-{number}", at, at, 0.01, "kept", "GET", "h1", cluster=EAST)
            self._writer.write(sample)
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def mark(self, event: Event) -> None:
        self._writer.write(event)


def test_an_interrupted_drill_writes_its_report_and_judges_nothing(tmp_path: Path) -> None:
    sent, said = _Sent(tmp_path, 70), list[str]()
    with (
        pytest.raises(KeyboardInterrupt),
        drill._kept(sent, said.append),  # type: ignore[arg-type]
        sent,
        drill._cut_noted(sent.mark),
    ):
        sent.mark(Event(1.0, EventKind.PHASE, "baseline"))
        sent.mark(Event(7.5, EventKind.FAULT, "gateway-gone", EAST, serving=(WEST,)))
        raise KeyboardInterrupt
    assert said == [f"What was counted until then: {tmp_path / 'report.html'}"]
    text = (tmp_path / "report.md").read_text()
    words = "Ended before its time, while gateway-gone was in force, interrupted: no objective is"
    assert words in text and words in (tmp_path / "report.html").read_text()
    ledger = json.loads((tmp_path / "ledger.json").read_text())["ledger"]
    assert ledger["total"]["sent"] == 70 and not ledger["met"]
    assert {check["measured"] for check in ledger["checks"]} == {
        "not measured: ended before its time"
    }


def test_a_drill_that_has_sent_nothing_has_nothing_to_report(tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt), drill._kept(_Sent(tmp_path, 0), said.append):  # type: ignore[arg-type]
        raise KeyboardInterrupt
    assert said == [] and not list(tmp_path.iterdir())


def test_an_interrupted_drill_whose_report_cannot_be_written_ends_as_interrupted(
    tmp_path: Path,
) -> None:
    sent, said = _Sent(tmp_path / "gone", 1), list[str]()
    with pytest.raises(KeyboardInterrupt), drill._kept(sent, said.append):  # type: ignore[arg-type]
        raise KeyboardInterrupt
    (line,) = said
    assert line.startswith(f"There is no report of {sent.path}: ")


NOBODY = (
    "Nobody answers in stack west, before anything was broken. See why:"
    " ./demo task status -- --stack west; or add --force"
)


@pytest.mark.parametrize(
    ("ends", "error", "words", "done"),
    [
        (1, KeyboardInterrupt, "in the baseline, interrupted", []),
        (2, KeyboardInterrupt, "while gateway-gone was in force, interrupted", ["break", "mend"]),
        (3, KeyboardInterrupt, "in the failback, interrupted", ["break", "mend"]),
        (1, None, "in the baseline, the generator ended", []),
        (2, None, "while gateway-gone was in force, the generator ended", ["break", "mend"]),
        (3, None, "in the failback, the generator ended", ["break", "mend"]),
        (0, None, f"in the baseline, {NOBODY}", []),
    ],
)
def test_wherever_a_drill_ends_it_mends_and_tells_of_what_there_is(
    ends: int,
    error: type[BaseException] | None,
    words: str,
    done: list[str],
    stack: Stack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`ends`: which wait of its traffic (0: nobody answers); without an error the traffic ends."""

    class Sending(_Sent):
        def __init__(self, _: object, header: Header, folder: Path) -> None:
            super().__init__(folder, 70, header)
            self.running, self.waits = True, 0

        def wait(self, _: float) -> None:
            self.waits += 1
            if self.waits == ends:
                self.running = False
                if error:
                    raise error

        def add(self, _: object) -> None: ...

        def check(self) -> None:
            if not self.running:
                raise TrafficError("the generator ended")

        def recent(self, _: float) -> list[Sample]:
            return []

    did: list[str] = []

    def mend(*arguments: Any) -> None:
        if did:
            did.append("mend")
            arguments[-1](Event(8.0, EventKind.FIX, "gateway-gone", EAST))

    def make(_: object, __: object, ___: object, tell: Callable[[Event], None]) -> None:
        did.append("break")
        tell(Event(7.5, EventKind.FAULT, "gateway-gone", EAST, serving=(WEST,)))

    for name in ("PortalLogs", "Observer", "CpuSteal"):
        monkeypatch.setattr(drill, name, lambda *_: contextlib.nullcontext())
    watch = SimpleNamespace(event=lambda _: None)
    monkeypatch.setattr(drill, "Watch", lambda *_: contextlib.nullcontext(watch))
    monkeypatch.setattr(drill, "_teller", lambda _, sent, __: sent.mark)
    monkeypatch.setattr(drill, "Traffic", Sending)
    header_of = drill.header_of
    monkeypatch.setattr(drill, "header_of", lambda *given: (tmp_path, header_of(*given)[1]))
    monkeypatch.setattr(drill, "settled", lambda *_: {EAST: 1.0} if ends else {})
    monkeypatch.setattr(drill, "returned", lambda *_: [])
    monkeypatch.setattr(guard, "standing", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(action, "make_predicted", make)
    monkeypatch.setattr(action, "mend", mend)
    fault = dataclasses.replace(
        named("gateway-gone"), means=Means("", lambda _: None, lambda _: None)
    )
    said: list[str] = []
    with pytest.raises((KeyboardInterrupt, TrafficError, UserError)):
        drill.run(stack, fault, EAST, Pace(hold=0.01), said.append)
    assert did == done
    assert said[-1] == f"What was counted until then: {tmp_path / 'report.html'}"
    told = f"Ended before its time, {words}: no objective is judged."
    assert told in (tmp_path / "report.md").read_text()


_BASELINE, _FAILBACK = (Event(1.0, EventKind.PHASE, n) for n in ("baseline", "failback"))
_FAULT = Event(1.0, EventKind.FAULT, "gateway-gone", EAST)
_CUT = Event(1.0, EventKind.NOTE, "cut short", text="interrupted")


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([_BASELINE, _FAULT, _FAILBACK], ""),
        ([_BASELINE], "in the baseline, killed"),
        ([_BASELINE, _FAULT], "while gateway-gone was in force, killed"),
        ([_BASELINE, _CUT], "in the baseline, interrupted"),
        ([_BASELINE, _FAULT, _FAILBACK, _CUT], "in the failback, interrupted"),
    ],
)
def test_a_record_tells_whether_its_drill_came_to_its_end(events: list[Event], words: str) -> None:
    assert cut_short(Header(run="r", started=1.0, fault="gateway-gone"), events) == words
    assert cut_short(Header(run="r", started=1.0), events) == "", "traffic that hears of a drill"
