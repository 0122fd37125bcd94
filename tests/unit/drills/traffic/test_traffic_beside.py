"""A lane to compare with: planned, sent, and shown apart from what is counted."""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from drills import drill, report
from drills.compare.balancers import named as named_balancers
from drills.faults import named
from drills.pace import Pace
from drills.report import compare
from drills.report.matrix_page import Row, Verdict
from drills.report.run import load
from drills.report.series import LOST
from drills.stack import Stack
from drills.traffic import (
    ErrorKind,
    Event,
    EventKind,
    Execution,
    Header,
    LanePlan,
    Objectives,
    Sample,
    TrafficPlan,
    record,
    summary,
    view,
)
from drills.traffic import __main__ as command
from drills.traffic.accounts import ledger_of
from drills.traffic.generator import Traffic
from drills.traffic.ledger import Ledger, ledger
from drills.traffic.window import Live
from foundation.errors import UserError
from tests.support.failing_server import Deed, serving
from tests.support.report_pages import Page

T0 = 1_000_000.0
EAST, WEST = "east-cluster", "west-cluster"
FAULT = Event(T0 + 2, EventKind.FAULT, "gone", EAST, serving=(WEST,), within=0.5)
FIX = Event(T0 + 8, EventKind.FIX, "gone", EAST)
BESIDE_LOST = 300


def beside(url: str) -> list[LanePlan]:
    return [LanePlan("envoy", url, True, counted=False)]


def samples() -> list[Sample]:
    """Ten seconds; by a lane beside every other request of six of them is lost."""
    made = []
    for n in range(3000):
        lane = ("kept", "new", "envoy")[n % 3]
        at, even = n / 300, n // 3 % 2 == 0
        gone = 2 <= at < 8
        lost = lane == "envoy" and even and gone
        there = EAST if even and (lane == "envoy" or not gone) else WEST
        made.append(
            Sample(
                id=f"r-{n}",
                due=T0 + at,
                started=T0 + at,
                duration=1.0 if lost else 0.004,
                lane=lane,
                method="GET",
                protocol="h1" if n // 3 % 4 < 2 else "h2",
                status=None if lost else 200,
                error=ErrorKind.TIMEOUT if lost else None,
                cluster="" if lost else there,
            )
        )
    return made


def outage() -> list[Sample]:
    """The same, but by a lane beside nobody answers for six seconds."""
    return [s for s in samples() if s.lane != "envoy" or s.lost or not 2 <= s.due - T0 < 8]


def counted(found: list[Sample] | None = None, executions: list[Execution] | None = None) -> Ledger:
    objectives = Objectives(slowest=0.1, moved=1.0, gap=0.5)
    events = [FAULT, FIX]
    return ledger(
        found or samples(), events, objectives, executions=executions, uncounted=["envoy"]
    )


def write(folder: Path, found: list[Sample] | None = None) -> Path:
    plan = TrafficPlan.to("https://x/web-portal", rate=200).beside(
        beside("https://y/web-portal"), "h"
    )
    objectives = Objectives(slowest=0.1, moved=1.0)
    header = Header(run=folder.name, started=T0, plan=plan, objectives=objectives)
    with record.Writer(folder / record.FILE, header) as writer:
        for entry in [FAULT, FIX, *(found or samples())]:
            writer.write(entry)
    return folder


def shown(renderable: object, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(renderable)
    return out.getvalue()


# -- the plan and the generator --------------------------------------------------------------------


def test_the_lanes_that_count_keep_their_rate() -> None:
    usual = TrafficPlan.to("https://x/", rate=100)
    assert (usual.rate, usual.counted_rate, usual.uncounted) == (100, 100, ())
    both = usual.beside(beside("https://y/"), "h")
    assert [(lane.name, lane.url, lane.counted) for lane in both.lanes] == [
        ("kept", "https://x/", True),
        ("new", "https://x/", True),
        ("envoy", "https://y/", False),
    ]
    assert (both.rate, both.counted_rate, both.uncounted) == (150, 100, ("envoy",))
    assert (both.host, usual.host) == ("h", "")
    one = TrafficPlan(lanes=usual.lanes[:1], rate=40).beside([*beside("https://y/")] * 2, "h")
    assert (one.rate, one.counted_rate) == (120, 40)


def test_the_generator_sends_both_and_gives_what_counts(tmp_path: Path) -> None:
    def deed(number: int) -> Deed:
        return Deed(status=503 if number % 3 == 2 else 200)  # lanes take turns

    with serving(tmp_path, deed) as server:
        usual = TrafficPlan.to(server.url, rate=50, duration=4, ca_file=str(tmp_path / "ca.pem"))
        plan = usual.beside(beside(server.url), "127.0.0.1")
        with Traffic(plan, Header(run="t", started=time.time()), tmp_path) as traffic:
            assert traffic.wait(20)
            recent, (every, _) = traffic.recent(60), traffic.since(0)
    assert Counter(s.lane for s in recent) == {"kept": 100, "new": 100}
    assert Counter(s.lane for s in every) == {"kept": 100, "new": 100, "envoy": 100}
    combinations = {(s.protocol, s.kind) for s in every if s.lane == "envoy"}
    assert len(combinations) == 2 * 3
    found = ledger_of(tmp_path)
    assert (found.total.sent, found.total.lost, found.checks[0].met) == (200, 0, True)
    assert (found.beside["envoy"].sent, found.beside["envoy"].lost) == (100, 100)
    assert list(found.lanes) == ["kept", "new"]


# -- what is refused -------------------------------------------------------------------------------


def test_an_address_of_ones_own_has_nothing_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--beside", "envoy", "--url", "https://127.0.0.1:1/"]) == 1
    assert "leave --url out" in capsys.readouterr().err


def test_an_unknown_balancer_is_refused_before_anything_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "r.jsonl"
    arguments = ["--beside", "varnish", "--url", "https://127.0.0.1:1/", "--record", str(file)]
    assert command.main(arguments) == 1
    assert "There is no balancer 'varnish'. There are: haproxy" in capsys.readouterr().err
    assert not file.exists()


def test_a_drill_on_clusters_of_others_has_nothing_beside_it_and_breaks_nothing(
    tmp_path: Path,
) -> None:
    weights = {EAST: 100, WEST: 100}
    stack = Stack("west", tmp_path, tmp_path / "kubeconfig", weights, "active", elsewhere=True)
    said: list[str] = []
    pace = Pace(beside=tuple(named_balancers(["envoy"])))
    with pytest.raises(UserError, match="choose a stack of backend local"):
        drill.run(stack, named("pod-killed"), EAST, pace, said.append)
    assert said == []
    assert list(tmp_path.iterdir()) == []


# -- the ledger ------------------------------------------------------------------------------------


def test_what_a_lane_beside_loses_decides_nothing() -> None:
    found = counted()
    assert (found.total.sent, found.total.lost) == (2000, 0)
    assert found.met, [check for check in found.checks if not check.met]
    (incident,) = found.incidents
    alone = ledger([s for s in samples() if s.lane != "envoy"], [FAULT, FIX], found.objectives)
    assert incident == alone.incidents[0]
    assert found.checks == alone.checks
    assert found.total == alone.total
    envoy = found.beside["envoy"]
    assert (envoy.sent, envoy.lost, envoy.failures) == (1000, BESIDE_LOST, {"timeout": BESIDE_LOST})


def test_a_lane_beside_has_a_gap_of_its_own() -> None:
    found = counted(outage())
    assert found.total.longest_gap is not None
    assert found.total.longest_gap.seconds < 0.02
    gap = found.beside["envoy"].longest_gap
    assert gap is not None
    assert gap.seconds == pytest.approx(6.0, abs=0.02)


def test_executions_of_a_lane_beside_are_not_duplicates() -> None:
    logged = [Execution(s.due, s.id, EAST, "p", "GET", 200) for s in samples() if not s.lost]
    again = [entry for entry in logged if int(entry.id[2:]) % 3 == 2]
    found = counted(executions=[*logged, *again])
    assert (found.total.duplicated, found.beside["envoy"].duplicated) == (0, 1000 - BESIDE_LOST)
    assert found.logged == found.total.answered


def test_the_table_has_a_row_for_it_and_80_columns() -> None:
    text = shown(summary.table(counted(outage())), 80)
    assert "…" not in text
    lines = [line.split() for line in text.splitlines()]
    (row,) = [line for line in lines if line[:1] == ["envoy"]]
    assert row[1:3] == ["700", str(BESIDE_LOST)]
    assert "Beside it, not counted: envoy lost 300 of 700; longest gap 6,0" in text
    assert (
        json.loads(json.dumps(summary.as_json(counted())))["beside"]["envoy"]["lost"] == BESIDE_LOST
    )


# -- the live view ---------------------------------------------------------------------------------


def live(found: list[Sample], until: float) -> Live:
    state = Live(uncounted=["envoy"])
    state.add(sorted((s for s in found if s.ended < T0 + until), key=lambda s: s.ended))
    state.turn(T0 + until)
    return state


def test_the_view_has_a_line_of_its_own_for_it() -> None:
    state = live(outage(), 6)
    assert (state.total.lost, state.clusters.keys()) == (0, {EAST, WEST})
    text = shown(view.live("Traffic", state, T0 + 6))
    sent = state.lanes["envoy"].sent
    assert "envoy" in text
    assert f"lost {state.lanes['envoy'].lost} of {sent}   longest gap 3,999 ms" in text
    (row,) = [line for line in text.splitlines() if "envoy lost" in line]
    assert (row.count("█"), "  ▄▄▄ " in row) == (40, True), "a whole bar, and a strip"
    (total,) = [line.split() for line in text.splitlines() if "since start" in line]
    assert total[3:5] == ["1,200", "0"]


def test_the_view_without_such_a_lane_says_nothing_of_it() -> None:
    state = Live()
    state.add(s for s in samples() if s.lane != "envoy")
    state.turn(T0 + 11)
    assert "envoy" not in shown(view.live("Traffic", state, T0 + 11))
    assert "envoy" not in view.plain_second(state.seconds[3])


def test_plain_lines_and_json_have_it_too() -> None:
    second = live(samples(), 8).seconds[4]
    assert (second.sent, second.lost) == (200, 0)
    line = view.plain_second(second)
    assert line.endswith("lost 0  (envoy lost 50 of 100)")
    assert (second.beside, second.beside_lost) == ({"envoy": 100}, {"envoy": 50})


# -- reports ---------------------------------------------------------------------------------------


def test_the_report_shows_it_beside_the_others(tmp_path: Path) -> None:
    folder = write(tmp_path / "run")
    page = report.write(folder).read_text()
    words = " ".join(Page(page).words)
    assert "No request was lost, of 2,000" in words
    assert "All objectives were met." in words
    assert "envoy lost 300 of 1,000" in words
    assert "envoy (for comparison, not counted)" in words
    assert "200 requests a second" in words
    markdown = (folder / "report.md").read_text()
    assert "| envoy (for comparison, not counted) | 1,000 | 300 |" in markdown
    assert "envoy lost 300 of 1,000" in markdown
    assert json.loads((folder / "ledger.json").read_text())["ledger"]["beside"]["envoy"]["lost"]


def test_its_losses_are_a_strip_of_their_own(tmp_path: Path) -> None:
    run = load(write(tmp_path / "run"))
    assert list(run.series.lanes) == ["kept h1", "kept h2", "new h1", "new h2"]
    assert list(run.series.beside) == ["envoy"]
    counts = run.series.beside["envoy"]
    assert sum(c.total() for c in counts) == 1000  # type: ignore[attr-defined]
    assert sum(c[LOST] for c in counts) == BESIDE_LOST
    assert not any(LOST in one.clusters for one in run.series.bins)
    page = report.write(tmp_path / "run").read_text()
    chart = page[page.index("<title>To compare</title>") :].partition("</svg>")[0]
    assert chart.count('fill="#dc2626"') >= sum(LOST in c for c in counts)


def test_runs_with_such_a_lane_are_compared_by_it(tmp_path: Path) -> None:
    one = load(write(tmp_path / "a"))
    other = load(write(tmp_path / "b", [s for s in samples() if not s.lost]))
    lines = {line[0]: line[1:] for line in compare.figures(one, other)}
    assert lines["envoy: lost"] == ("300", "0", "-300")


def test_the_matrix_names_it() -> None:
    row = Row("workload", "gone", "active", Verdict.MET, ledger=counted())
    assert row.figures.startswith("lost 0, ")
    assert row.figures.endswith("envoy lost 300")
