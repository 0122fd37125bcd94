"""Records on disk, announced events, and the figures of the live view."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from drills.traffic import (
    ErrorKind,
    Event,
    EventKind,
    Execution,
    Header,
    Objectives,
    Sample,
    TrafficPlan,
    events,
    record,
)
from drills.traffic.accounts import ledger_of
from drills.traffic.window import Histogram, Live

HEADER = Header(
    run="r1",
    started=5.0,
    objectives=Objectives(slowest=0.6, gap=1.5, executions=(1.5, 1.1)),
    plan=TrafficPlan.to("https://localhost/", rate=20),
    serving=("east",),
    environment={"kubernetes": "v1"},
)
SAMPLE = Sample("r1-1", 1.0, 1.1, 0.2, "kept", "POST", "h2", "k", 200, None, "", "east", "p")
LOST = Sample("r1-2", 2.0, 2.0, 3.0, "new", "GET", "h1", error=ErrorKind.TIMEOUT, detail="späť")
EVENT = Event(1.5, EventKind.FAULT, "gone", "east", "all pods", ("west",), 1.0)
EXECUTION = Execution(1.2, "r1-1", "east", "p", "POST", 200)


def write(path: Path, *entries: record.Entry) -> Path:
    with record.Writer(path, HEADER) as writer:
        for entry in entries:
            writer.write(entry)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = write(tmp_path / "run" / record.FILE, SAMPLE, EVENT, EXECUTION, LOST)
    found = record.read(tmp_path / "run")
    assert found == record.Record(HEADER, [SAMPLE, LOST], [EVENT], [EXECUTION])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_record_is_never_overwritten(tmp_path: Path) -> None:
    file = write(tmp_path / "r.jsonl", SAMPLE)
    with pytest.raises(FileExistsError):
        record.Writer(file, HEADER)
    assert record.read(file).samples == [SAMPLE]


def test_a_line_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    file = write(tmp_path / "r.jsonl", SAMPLE, LOST)
    file.write_bytes(file.read_bytes()[:-20])
    assert record.read(file).samples == [SAMPLE]


@pytest.mark.parametrize(
    "text", ["", "{}\n", '{"type":"sample"}\n', "nonsense\n", '{"type":"header","x":1}\n']
)
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text(text)
    with pytest.raises(record.RecordError):
        record.read(file)


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(record.RecordError, match=r"gone\.jsonl cannot be read"):
        record.read(tmp_path / "gone.jsonl")


def test_the_ledger_of_a_file_is_that_of_its_entries(tmp_path: Path) -> None:
    again = Execution(1.3, "r1-1", "west", "q", "POST", 200)
    file = write(tmp_path / "r.jsonl", SAMPLE, LOST, EVENT, EXECUTION, again)
    ledger = ledger_of(file)
    assert (ledger.total.sent, ledger.total.lost, ledger.objectives.slowest) == (2, 1, 0.6)
    assert ledger.total.duplicated is None  # the header says that nobody read the logs
    assert [incident.name for incident in ledger.incidents] == ["gone"]


class TestAnnouncements:
    def test_events_reach_whoever_listens_already(self, tmp_path: Path) -> None:
        events.announce(tmp_path, EVENT)
        late = events.Announcements(tmp_path)
        assert late.new() == []
        fix = Event(9.0, EventKind.FIX, "gone", "east")
        events.announce(tmp_path, fix)
        events.announce(tmp_path, EVENT)
        assert late.new() == [fix, EVENT]
        assert late.new() == []

    def test_half_a_line_waits_for_its_other_half(self, tmp_path: Path) -> None:
        listener = events.Announcements(tmp_path)
        line = record.encode(EVENT) + "\n"
        file = tmp_path / "events.jsonl"
        file.write_text(line[:20])
        assert listener.new() == []
        file.write_text(line)
        assert listener.new() == [EVENT]

    def test_nonsense_is_passed_over(self, tmp_path: Path) -> None:
        listener = events.Announcements(tmp_path)
        (tmp_path / "events.jsonl").write_text("?\n" + record.encode(SAMPLE) + "\n")
        events.announce(tmp_path, EVENT)
        assert listener.new() == [EVENT]


class TestLive:
    def test_seconds_close_when_they_are_over(self) -> None:
        live = Live()
        live.add([SAMPLE, LOST])
        (first, *_, last) = live.turn(6.0)
        assert (first.at, first.sent, first.clusters) == (1, 1, {"east": 1})
        assert (last.at, last.sent, last.lost, last.failures) == (5, 1, 1, {"timeout": 1})
        assert [second.sent for second in live.seconds] == [1, 0, 0, 0, 1]
        assert (live.total.sent, live.total.lost) == (2, 1)
        assert live.turn(6.5) == []

    def test_the_longest_gap_and_silence(self) -> None:
        live = Live()
        good = [Sample("r", at, at, 0.0, "kept", "GET", "h1", status=200) for at in (1, 2, 5, 6)]
        live.add(good)
        assert live.total.longest_gap is not None
        assert (live.total.longest_gap.start, live.total.longest_gap.seconds) == (2, 3)
        assert (live.total.silence(10.5), live.total.worst(10.5)) == (4.5, 4.5)

    def test_the_history_has_an_end(self) -> None:
        live = Live(history=3)
        live.add(Sample("r", at, at, 0.0, "kept", "GET", "h1", status=200) for at in range(10))
        live.turn(10.0)
        assert [second.at for second in live.seconds] == [7, 8, 9]


def test_the_histogram_is_right_within_one_in_a_hundred() -> None:
    histogram = Histogram()
    for n in range(1, 10001):
        histogram.add(n / 10000)
    found = histogram.latency()
    assert found.p50 == pytest.approx(0.5, rel=0.011)
    assert found.p99 == pytest.approx(0.99, rel=0.011)
    assert found.max == 1.0
