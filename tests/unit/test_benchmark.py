"""What the benchmark makes of the output of `./demo up` and of its samples."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.benchmark import drills_with_picture, further, growth, live_picture, processor
from tests.benchmark.measure import Line, Samples, first, last, marks, steps
from tests.benchmark.report import ROWS, Row, as_json, judged

OUTPUT = [
    Line(1.0, " +  pulumi:pulumi:Stack demo-west creating (0s) "),
    Line(1.5, " +  pulumi-python:dynamic/localkube:Cluster corp-edge creating (0s) "),
    Line(1.6, " +  pulumi-python:dynamic/localkube:Cluster east-cluster creating (0s) "),
    Line(7.0, " +  pulumi-python:dynamic/localkube:Cluster corp-edge created (5s) "),
    Line(8.0, " +  pulumi-python:dynamic/localkube:Cluster east-cluster created (6s) "),
    Line(9.0, " +  kubernetes:apps/v1:Deployment corp-edge/tetrate-system/gateway creating (0s) "),
    Line(
        9.5,
        " +  kubernetes:apps/v1:Deployment corp-edge/tetrate-system/gateway creating (1s) Waiting",
    ),
    Line(12.0, " +  kubernetes:apps/v1:Deployment corp-edge/tetrate-system/gateway created (3s) "),
    Line(12.5, " +  pulumi-python:dynamic:Answer corp-edge-answer created (0.5s) "),
    Line(13.0, ""),
]


def test_the_steps_follow_one_another_and_add_up_to_the_whole() -> None:
    found = steps(OUTPUT)
    assert list(found.values()) == [1.0, 0.5, 6.5, 1.0, 3.0, 0.5, 0.5]
    assert sum(found.values()) == OUTPUT[-1].at


def test_a_resource_counts_from_when_it_is_first_reported() -> None:
    assert last(OUTPUT, "apps/v1:Deployment", "creating") == 9.0
    assert first(OUTPUT, "localkube:Cluster", "creating") == 1.5


def test_what_programs_used_is_told_of_each_step() -> None:
    etcd, kubelet, shell = ("1", "5"), ("2", "5"), ("3", "5")
    before = {etcd: ("etcd", 10), shell: (processor.OTHERS, 4)}
    after = {etcd: ("etcd", 30), kubelet: ("kubelets", 7), shell: (processor.OTHERS, 5)}
    ticks = os.sysconf("SC_CLK_TCK")
    used = processor.between(before, after, 40 / ticks)
    assert {name: round(s * ticks) for name, s in used.items()} == {
        "etcd": 20, "kubelets": 7, processor.OTHERS: 13,
    }  # fmt: skip
    found = processor.by_step([(0.5, used), (1.2, used), (99.0, used)], marks(OUTPUT))
    assert list(found) == list(steps(OUTPUT))
    spent = [round(step["etcd"] * ticks) for step in found.values()]
    assert spent == [20, 20, 0, 0, 0, 0, 20]


def test_a_watch_tells_what_a_program_uses() -> None:
    # a process of its own: a thread that works would keep the watch from looking
    work = "input()\nwhile time.process_time() < 0.6: pass\nprint(flush=True)\nsys.stdin.read()"
    command = [sys.executable, "-c", f"import sys, time\n{work}"]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as child,
        processor.Watch() as watch,
    ):
        assert child.stdin and child.stdout
        child.stdin.write("\n")
        child.stdin.flush()
        child.stdout.readline()
    name = processor.named(Path(sys.executable).resolve().name)
    assert sum(used[name] for _, used in watch.looks) > 0.4
    assert all(used[name] <= used.total() for _, used in watch.looks)
    assert processor.named("kube-controller") == "controller managers"
    assert processor.named("pulumi-resource") != processor.named("pulumi-language")


def test_an_output_without_clusters_is_no_measurement() -> None:
    with pytest.raises(ValueError):
        steps(OUTPUT[:1])


def test_json_has_the_median_of_each_row_that_was_measured() -> None:
    samples = Samples()
    for value in (3.0, 1.0, 2.0):
        samples.add(ROWS[0].name, value)
    document = json.loads(as_json(samples))
    (row,) = document["rows"]
    assert (row["name"], row["median"], row["must"]) == (ROWS[0].name, 2.0, ROWS[0].must)
    assert document["processors"] and document["loop_seconds"] > 0
    assert document["samples"] == {ROWS[0].name: [3.0, 1.0, 2.0]}


def test_a_further_cluster_costs_the_difference_to_two_of_the_same_round() -> None:
    samples = Samples()
    for up, memory in ((99.0, 9.0), (17.0, 2.2)):
        samples.add("up", up)
        samples.add("memory (PSS)", memory)
    further.add(samples, 25.0, 3.2, 2)
    assert samples.values["further cluster"] == [4.0]
    assert samples.values["further cluster (PSS)"] == [pytest.approx(0.5)]


def test_further_clusters_follow_the_two_of_the_default_and_have_names_of_their_own() -> None:
    names = [name for name, _, _ in further.names(3)]
    assert names == [
        "east-cluster",
        "west-cluster",
        "east2-cluster",
        "west2-cluster",
        "east3-cluster",
    ]


@given(some.floats(-10, 10), some.floats(-10, 10), some.integers(2, 50))
def test_growth_is_the_slope_of_the_line(begin: float, grows: float, count: int) -> None:
    points = [(15.0 * number, begin + grows * 15 * number) for number in range(count)]
    assert live_picture.slope(points) == pytest.approx(grows, abs=1e-6)


def test_one_look_at_the_memory_is_no_growth() -> None:
    assert live_picture.slope([(0.0, 40.0)]) == 0.0


def test_a_quantity_without_a_promise_has_no_verdict() -> None:
    assert judged(1e9, Row("x", "x", None, None, "")) == "default"
    row = Row("x", "x", 5, 3, "")
    assert [judged(value, row) for value in (3, 4, 6)] == ["green", "yellow", "red"]


def test_growth_is_shown_by_its_ratio_and_what_broke_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    samples = Samples()
    for name, value in (("2: up", 20.0), ("2: memory", 2.5), ("13: up", 90.0)):
        samples.add(name, value)
    growth.show(samples)
    lines = [line.split("│") for line in capsys.readouterr().out.splitlines() if "│" in line]
    cells = [[cell.strip() for cell in line[1:]] for line in lines]
    assert [row[:2] for row in cells] == [["2", "20.0 (1.0)"], ["13", "90.0 (4.5)"]]
    assert cells[1][3] == "failed"


def test_pulumi_alone_gets_as_many_objects_as_the_state_has_in_clusters() -> None:
    types = (
        "pulumi:providers:kubernetes",
        "kubernetes:core/v1:Secret",
        "kubernetes:apps/v1:Deployment",
    )
    resources = [{"type": each} for each in ("pulumi:pulumi:Stack", *types)]
    assert growth.objects(json.dumps({"deployment": {"resources": resources}})) == 2


def test_the_machine_s_processors_are_never_less_busy_than_before() -> None:
    before = processor.machine_seconds()
    assert 0 < before <= processor.machine_seconds()


def test_what_the_host_takes_away_is_no_work_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    times = namedtuple("times", (*parts, "guest", "guest_nice"))  # as psutil has them
    now = times(10, 1, 5, 1000, 100, 0.5, 0.5, 30, 0, 0)
    monkeypatch.setattr("psutil.cpu_times", lambda: now)
    assert processor.machine_seconds() == 17


def test_drills_with_and_without_the_picture_are_told_side_by_side(
    capsys: pytest.CaptureFixture[str],
) -> None:
    without, server, page = (
        drills_with_picture.Cost(sent, lost, 0, slowest, moved)
        for sent, lost, slowest, moved in (
            (1000, 0, 75.4, 0.5),
            (1002, 1, 76.0, 0.6),
            (1001, 2, 90.0, None),
        )
    )
    way = drills_with_picture.Way
    runs = [
        drills_with_picture.Runs(
            "active",
            "gateway-gone",
            {way.SERVER: server, way.PAGE: page, way.WITHOUT: without},
        ),
        drills_with_picture.Runs("standby", "region-cut", {way.WITHOUT: without, way.PAGE: None}),
    ]
    drills_with_picture.show(runs)
    told = capsys.readouterr().out
    row = next(line for line in told.splitlines() if "gateway-gone" in line)
    assert all(cell in row for cell in ("0 / 1 / 2", "75 / 76 / 90", "0.50 / 0.60 /"))
    assert "75 / - / -" in told
    assert "without: 1 drills, lost 0 of 1,000" in told
    assert "server: 1 drills, lost 1 of 1,002" in told
    assert "page: 1 drills, lost 2 of 1,001" in told
