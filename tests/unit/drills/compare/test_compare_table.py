"""Tables of a comparison, and where our edge is behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from drills.compare import (
    page,
    table,
)
from drills.compare.balancers import DIRECT, OURS
from drills.compare.figures import PATIENCE, Calm, UnderFault
from drills.compare.table import Comparison

# -- tables ----------------------------------------------------------------------------------------

GOOD = UnderFault(100, 0, 0.26, 0.3, 1.0, 1.0)
CHEAP = Calm(100, 0, 0.002, 0.01, 0.001, 0.3, 0.0, 4 << 20)


def comparison(ours: UnderFault, other: UnderFault, fault: str = "region-cut") -> Comparison:
    calm = {OURS: CHEAP, "nginx": CHEAP}
    return Comparison({fault: {OURS: ours, "nginx": other}}, calm, {"nginx": "nginx 1.22"})


def test_equal_costs_are_nowhere_behind() -> None:
    same = comparison(GOOD, GOOD)
    assert table.behind(same) == []
    assert page.headline(same) == (
        "Our edge lost 0 requests that may be sent again; it is best or equal in every column"
    )


def test_one_column_is_one_column() -> None:
    worse = comparison(replace(GOOD, slowest=1.0), GOOD)
    assert page.headline(worse).endswith("; it is behind in 1 column")


def test_a_lane_that_was_not_struck_is_no_match() -> None:
    away = replace(GOOD, used=False, moved=None, slowest=0.01)
    assert table.behind(comparison(GOOD, away)) == []
    lines = table.fault_lines({OURS: GOOD, "nginx": away})
    assert table.NOT_STRUCK in lines[1] and table.NOT_STRUCK not in lines[0]


@pytest.mark.parametrize(
    ("worse", "line"),
    [
        ({"lost": 3}, "region-cut: lost 3, nginx 0"),
        ({"slowest": 1.0}, "region-cut: slowest 1.00 s, nginx 0.26 s"),
        ({"moved": 2.0}, "region-cut: moved 2.00 s, nginx 0.30 s"),
        ({"moved": None}, "region-cut: moved never, nginx 0.30 s"),
        ({"back": 10.0}, "region-cut: back 10.00 s, nginx 1.00 s"),
        ({"executions": 2.0}, "region-cut: executions 2.00, nginx 1.00"),
    ],
)
def test_each_column_in_which_we_are_behind_is_said(worse: dict[str, object], line: str) -> None:
    assert table.behind(comparison(replace(GOOD, **worse), GOOD)) == [line]
    assert table.behind(comparison(GOOD, replace(GOOD, **worse))) == []


def test_who_loses_more_is_no_better_for_being_quick() -> None:
    quick = replace(GOOD, lost=50, slowest=0.01, moved=0.0, back=0.0)
    assert table.behind(comparison(GOOD, quick)) == []


@pytest.mark.parametrize(
    ("worse", "line"),
    [
        ({"cpu": 1.2}, "no fault: CPU per 1,000 requests 1.2 s, nginx 0.3 s"),
        ({"memory": 41 << 20}, "no fault: memory 41 MiB, nginx 4 MiB"),
        ({"added": 0.003}, "no fault: added latency 3 ms, nginx 1 ms"),
        ({"idle": 0.0075}, "no fault: CPU without requests 7.5 ms/s, nginx 0 ms/s"),
    ],
)
def test_what_our_edge_costs_more_is_said(worse: dict[str, object], line: str) -> None:
    found = Comparison({}, {OURS: replace(CHEAP, **worse), "nginx": CHEAP, DIRECT: CHEAP})
    assert table.behind(found) == [line]


def test_the_lane_without_a_balancer_is_no_rival() -> None:
    direct = replace(GOOD, slowest=0.01, moved=0.0, executions=0.5)
    found = Comparison(
        {"f": {OURS: GOOD, DIRECT: direct}}, {OURS: CHEAP, DIRECT: replace(CHEAP, added=0.0)}
    )
    assert table.behind(found) == []


@pytest.mark.parametrize("cost", [replace(CHEAP, lost=1), replace(CHEAP, answered=0)])
def test_who_loses_while_nothing_is_broken_makes_the_run_doubtful(cost: Calm) -> None:
    found = Comparison({}, {OURS: CHEAP, DIRECT: cost})
    assert "lost requests: direct. Measure again" in page.headline(found)
    assert table.doubt(Comparison({}, {OURS: CHEAP})) == ""


def test_both_pages_have_every_lane_every_part_and_what_was_left_out(tmp_path: Path) -> None:
    slow = {OURS: GOOD, "nginx": replace(GOOD, lost=16, slowest=0.0, executions=None)}
    found = replace(
        comparison(replace(GOOD, back=None), replace(GOOD, moved=None)),
        skipped={"caddy": "no <apt>"},
    )
    found = replace(found, faults={**found.faults, PATIENCE: slow})
    file = page.write(tmp_path, "Balancers", found)
    text, html = (tmp_path / "comparison.md").read_text(), file.read_text()
    for part in (
        "region-cut",
        PATIENCE,
        "no fault",
        "caddy is not compared",
        "nginx 1.22",
        "moved: from",
    ):
        assert part in text and part in html
    assert "| our edge | 100 | 0 | 260 | 0.30 | - | 1.00 |" in text
    assert "| nginx | 100 | 0 | 260 | never | 1.00 | 1.00 |" in text
    assert "| nginx | 100 | 16 | - | 0.30 | 1.00 | - |" in text
    assert "no <apt>" in text and "no &lt;apt&gt;" in html
