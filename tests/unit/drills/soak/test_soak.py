"""Random faults for hours: the same seed, the same events; each is reported; Ctrl-C reports too."""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills import preconditions
from drills.faults import FAULTS, Fault
from drills.report.matrix_page import Row, Verdict
from drills.soak import page, plan
from drills.soak.page import Done, Record
from drills.soak.resources import Sample
from drills.soak.run import LEAST, Means, run
from tests.support.soak import BEGIN, CLUSTERS

SEEDS = st.integers(0, 2**64)


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


def test_a_row_without_a_drill_says_why() -> None:
    row = Row("cluster", "region-cut", "active", Verdict.FAILED, "no answer\nin time")
    record = Record("west", 1, "", 0.0, events=[page.Done.of(row, "west-cluster", 1.0, 2.0)])
    assert "| **failed** | no answer in time |" in page.markdown(record)


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
