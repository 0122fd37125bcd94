"""What a soak counts of processes, files, memory and cgroups, and when it says that they grew."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.soak import resources
from drills.soak.resources import TOLERANCES, Sample
from tests.support.soak import BEGIN

FIGURES = [(each.name, each) for each in TOLERANCES]


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
