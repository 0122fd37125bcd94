"""A lane to compare with, in tables, in the live view, and in reports."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

from drills import report
from drills.report import compare
from drills.report.matrix_page import Row, Verdict
from drills.report.run import load
from drills.report.series import LOST
from drills.traffic import Sample, summary, view
from drills.traffic.window import Live
from tests.support.lane_beside import BESIDE_LOST, EAST, T0, WEST, counted, outage, samples, write
from tests.support.report_pages import Page


def shown(renderable: object, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(renderable)
    return out.getvalue()


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
