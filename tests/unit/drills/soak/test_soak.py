"""Random faults for hours: the same seed, the same events; what grew is said; Ctrl-C reports."""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills import action, matrix, preconditions
from drills.faults import FAULTS, Fault
from drills.journal import Entry, Journal
from drills.report.matrix_page import Row, Verdict
from drills.soak import page, plan, resources
from drills.soak.__main__ import main
from drills.soak.page import Done, Record
from drills.soak.resources import TOLERANCES, Sample
from drills.soak.run import LEAST, Means, run
from drills.stack import EDGE, Stack
from drills.traffic import record as traffic_record

CLUSTERS = ("east-cluster", "west-cluster", EDGE)
SEEDS = st.integers(0, 2**64)
BEGIN = Sample(memory=3 << 30, files=4000, cgroups=90, processes=120)
FIGURES = [(each.name, each) for each in TOLERANCES]


def names(seed: int, count: int, faults: tuple[Fault, ...] = FAULTS) -> list[tuple[str, str]]:
    strikes = plan.sequence(plan.possible(faults, CLUSTERS), seed)
    return [(fault.name, cluster) for fault, cluster in itertools.islice(strikes, count)]


@given(SEEDS)
def test_the_same_seed_gives_the_same_events(seed: int) -> None:
    assert names(seed, 100) == names(seed, 100)


def test_another_seed_gives_other_events() -> None:
    assert len({tuple(names(seed, 10)) for seed in range(20)}) == 20


@given(SEEDS, st.lists(st.sampled_from(FAULTS), min_size=1, unique_by=lambda f: f.name))
def test_each_round_has_every_fault_once_where_it_may_strike(
    seed: int, faults: list[Fault]
) -> None:
    strikes = plan.sequence(plan.possible(faults, CLUSTERS), seed)
    for _ in range(2):
        turn = list(itertools.islice(strikes, len(faults)))
        assert {fault.name for fault, _ in turn} == {fault.name for fault in faults}
        for fault, cluster in turn:
            assert not preconditions.refusal(fault, cluster, CLUSTERS, {}, ())


def test_updates_are_among_the_faults_and_the_only_cluster_is_spared() -> None:
    found = {fault.name for fault, _ in plan.possible(FAULTS, CLUSTERS)}
    assert {"mode-switch", "certificates-renewed"} <= found
    assert list(plan.sequence((), 1)) == []


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4), st.integers(0, 10**6))
def test_what_stays_within_its_tolerance_has_not_grown(noise: list[float], scale: int) -> None:
    begin = Sample(scale << 10, scale, scale, scale)
    end = dataclasses.replace(
        begin,
        **{
            each.name: max(0, was + int(part * (each.most(was) - was)))
            for part, each in zip(noise, TOLERANCES, strict=True)
            for was in [getattr(begin, each.name)]
        },
    )
    assert resources.grown(begin, end) == []


@pytest.mark.parametrize(("name", "tolerance"), FIGURES)
@given(more=st.integers(1, 10**9), begin=st.integers(0, 10**10))
def test_more_than_tolerated_is_growth_and_less_never(
    name: str, tolerance: resources.Tolerance, more: int, begin: int
) -> None:
    was = dataclasses.replace(BEGIN, **{name: begin})
    far = dataclasses.replace(was, **{name: tolerance.most(begin) + more})
    (text,) = resources.grown(was, far)
    assert text.startswith(f"{name} grew from ")
    assert resources.grown(far, was) == []


def test_one_leaked_process_a_fault_is_growth_within_an_hour() -> None:
    # about 90 events an hour at the usual pace
    assert resources.grown(BEGIN, dataclasses.replace(BEGIN, processes=BEGIN.processes + 90))


def test_what_comes_and_goes_is_not_counted() -> None:
    def take(extra: list[int]) -> Callable[[], Sample]:
        left = iter(extra)
        return lambda: dataclasses.replace(BEGIN, processes=BEGIN.processes + next(left))

    ticks: list[float] = []
    assert resources.settled(take([30, 0, 12, 7]), ticks.append) == BEGIN
    assert len(ticks) == resources.SAMPLES - 1
    late = [50] * resources.SAMPLES + [0] * resources.SAMPLES
    assert resources.at_the_end(take(late), BEGIN, ticks.append) == BEGIN
    ever = take([50] * resources.SAMPLES * resources.END_ROUNDS)
    assert resources.grown(BEGIN, resources.at_the_end(ever, BEGIN, ticks.append))


def test_a_sample_counts_the_labs_processes_and_those_of_the_soak(tmp_path: Path) -> None:
    group = "/localkube/abc"
    for name in ("abc/east/pod1", "abc/relay", "abcd/other"):
        for hierarchy in ("cpu", "memory"):
            (tmp_path / hierarchy / "localkube" / name).mkdir(parents=True)
    (tmp_path / "cpu" / "localkube" / "abc" / "west").mkdir()
    proc = tmp_path / "proc"
    for pid, where, parent, files in (
        (10, f"{group}/east/pod1", 12, 3),
        (11, f"{group}d/other", 1, 100),
        (12, "/", 1, 5),
        (13, "/", 12, 7),
        (14, group, 12, 1),
        (15, "/", 1, 2),
        (16, "/", 15, 2),
    ):
        folder = proc / str(pid)
        (folder / "fd").mkdir(parents=True)
        for number in range(files):
            (folder / "fd" / str(number)).touch()
        (folder / "task").mkdir()
        (folder / "cgroup").write_text(f"3:cpu:{where}\n2:memory:/\n")
        (folder / "stat").write_text(f"{pid} (x) S {parent}{' 0' * 48}")
        (folder / "smaps_rollup").write_text("Rss: 9000 kB\nPss: 1000 kB\n")
    hierarchies = [tmp_path / "cpu", tmp_path / "memory"]
    found = resources.sample(group, [12, 15], hierarchies, proc)
    # abc, east, pod1, relay, west
    assert found == Sample(memory=6 * 1000 * 1024, files=20, cgroups=5, processes=6)


def test_a_sample_of_this_process_sees_a_file_and_a_child_more() -> None:
    def now() -> Sample:
        return resources.sample("/localkube/none", [os.getpid()], [])

    before = now()
    with (
        Path(os.devnull).open(),
        subprocess.Popen(["sleep", "60"], stdin=subprocess.PIPE) as child,
    ):
        during = now()
        child.kill()
    assert during.processes == before.processes + 1
    assert during.files > before.files + 1
    assert before.memory > 1 << 20


class Fakes:
    """A world in which a drill takes 30 s and does what it is told to."""

    def __init__(self, tmp_path: Path) -> None:
        self.now = 0.0
        self.file = tmp_path / "soak" / "soak.md"
        self.record = Record("west", 7, "./demo task soak -- --seed 7", 0.0)
        self.does: Callable[[int], Verdict] = lambda _: Verdict.MET
        self.sample: Callable[[], Sample] | None = lambda: BEGIN
        self.healed = 0
        self.left: list[str] = []

    def drill(self, fault: Fault, _: str) -> Row:
        self.now += 30
        verdict = self.does(len(self.record.events) + 1)
        reason = "" if verdict is Verdict.MET else "lost 3"
        return Row(str(fault.layer), fault.name, "active", verdict, reason)

    def heal(self) -> list[str]:
        self.healed += 1
        return self.left

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def run(self, seconds: float) -> Record:
        said: list[str] = []
        means = Means(self.drill, self.heal, self.sample, said.append, lambda: self.now, self.sleep)
        strikes = plan.sequence(plan.possible(FAULTS, CLUSTERS), 7)
        return run(self.record, strikes, seconds, means, self.file)


@pytest.fixture
def fakes(tmp_path: Path) -> Fakes:
    return Fakes(tmp_path)


def test_a_soak_goes_on_for_its_time_and_reports_each_event(fakes: Fakes) -> None:
    found = fakes.run(300)
    assert len(found.events) == 10
    assert found.broken == [] and fakes.healed == 1
    text = fakes.file.read_text()
    assert "**10 of 10 events met their objectives; 0 of 0 lost.**" in text
    assert [(done.fault, done.cluster) for done in found.events] == names(7, 10)
    for number, (fault, cluster) in enumerate(names(7, 10), 1):
        assert f"| {number} | " in text and f"| {fault} | {cluster} |" in text
    assert text.count("| 3,072 MiB | 4,000 | 90 | 120 |") == 12  # before, ten events, the end
    assert "./demo task soak -- --seed 7" in text


def test_the_shortest_soak_has_something_to_compare_with_its_first_event(fakes: Fakes) -> None:
    found = fakes.run(1)
    assert len(found.events) == LEAST
    assert found.begin == found.end == BEGIN


def test_what_was_promised_and_lost_is_broken_and_the_others_go_on(fakes: Fakes) -> None:
    fakes.does = lambda number: Verdict.MISSED if number == 2 else Verdict.MET
    found = fakes.run(200)
    (line,) = found.broken
    assert line.startswith("Event 2, ") and line.endswith("missed: lost 3")
    assert len(found.events) > 3
    assert "**missed**" in fakes.file.read_text()


def test_what_grew_since_the_first_event_is_broken(fakes: Fakes) -> None:
    fakes.sample = lambda: dataclasses.replace(BEGIN, files=4000 + int(fakes.now) * 10)
    (line,) = fakes.run(300).broken
    assert line.startswith("Files grew from ")
    assert line in fakes.file.read_text()


def test_what_could_not_be_healed_is_broken(fakes: Fakes) -> None:
    fakes.left = ["region-cut in west-cluster"]
    assert fakes.run(1).broken == ["Not healed: region-cut in west-cluster"]


def test_without_a_lab_the_report_says_that_resources_are_left_out(fakes: Fakes) -> None:
    fakes.sample = None
    assert fakes.run(1).broken == []
    assert "Left out: the clusters do not run on this machine." in fakes.file.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_heals_everything_and_writes_the_report(fakes: Fakes, number: int) -> None:
    def does(event: int) -> Verdict:
        if event == 3:
            os.kill(os.getpid(), number)
        return Verdict.MET

    fakes.does = does
    with pytest.raises(KeyboardInterrupt):
        fakes.run(3600)
    assert fakes.healed == 1
    text = fakes.file.read_text()
    assert "**Interrupted during event 3, " in text
    assert "Beginning and end are not compared" in text


def test_the_report_is_there_after_each_event(fakes: Fakes) -> None:
    def does(event: int) -> Verdict:
        if event > 1:
            assert f"of {event - 1} events met" in fakes.file.read_text()
        return Verdict.MET

    fakes.does = does
    fakes.run(100)


@pytest.mark.parametrize(
    "arguments",
    [("--hours", "0"), ("--minutes", "-1"), ("--hours", "1", "--minutes", "1"), ("--seed", "x")],
)
def test_what_cannot_be_meant_is_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2


def test_a_row_without_a_drill_says_why() -> None:
    row = Row("cluster", "region-cut", "active", Verdict.FAILED, "no answer\nin time")
    record = Record("west", 1, "", 0.0, events=[page.Done.of(row, "west-cluster", 1.0, 2.0)])
    assert "| **failed** | no answer in time |" in page.markdown(record)


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
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights = {name: 100 for name in CLUSTERS if name != EDGE}
    stack = Stack("west", tmp_path / "west", tmp_path / "kubeconfig", weights, "active")
    healed: list[str] = []

    def row(_: Stack, fault: Fault, __: object, ___: object, cluster: str) -> Row:
        Journal(stack.folder).add(Entry(fault.name, cluster, 1.0))  # as if it could not be mended
        return Row(str(fault.layer), fault.name, "active", does())

    def heal_all(_: Stack, __: object) -> list[str]:
        for entry in Journal(stack.folder).entries():
            healed.append(entry.fault)
            Journal(stack.folder).remove(entry.fault, entry.cluster)
        return []

    monkeypatch.setattr(Stack, "selected", staticmethod(lambda *_: stack))
    monkeypatch.setattr(matrix, "row", row)
    monkeypatch.setattr(matrix.project, "ROOT", tmp_path)
    monkeypatch.setattr(action, "heal_all", heal_all)
    assert main(["--minutes", "0.000000001", "--seed", "4"]) == code
    said = capsys.readouterr().out
    assert words in said and healed
    (file,) = (tmp_path / "reports").glob("*-soak/soak.md")
    assert words in file.read_text() and str(file) in said


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
    weights = {name: 100 for name in CLUSTERS if name != EDGE}
    stack = Stack("west", tmp_path / "west", tmp_path / "kubeconfig", weights, "active")
    event = tmp_path / "reports" / "event"

    def row(_: Stack, fault: Fault, *__: object) -> Row:
        event.mkdir(parents=True, exist_ok=True)
        for name in (traffic_record.FILE, "report.md"):
            (event / name).touch()
        return Row(str(fault.layer), fault.name, "active", verdict, folder="../event")

    monkeypatch.setattr(Stack, "selected", staticmethod(lambda *_: stack))
    monkeypatch.setattr(matrix, "row", row)
    monkeypatch.setattr(matrix.project, "ROOT", tmp_path)
    main(["--minutes", "0.000000001", *options])
    assert (event / traffic_record.FILE).exists() == is_kept
    assert (event / "report.md").exists()


def test_the_headline_says_under_which_faults_requests_were_lost() -> None:
    def done(fault: str, sent: int, lost: int, uncovered: int = 0) -> Done:
        return Done(0.0, 20.0, fault, "east-cluster", Verdict.MET, "", "", sent, lost, uncovered)

    record = Record("west", 7, "", 0.0)
    record.events = [done("overload", 9000, 1200), done("edge-killed", 2000, 3, 2)]
    record.events += [done("overload", 9000, 98), done("gateway-gone", 2000, 0)]
    assert record.headline == (
        "4 of 4 events met their objectives; 1,301 of 22,000 lost, 2 of them that no"
        " objective covers: 1,298 in overload, 3 in edge-killed"
    )
