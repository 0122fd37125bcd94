"""What a report's charts are drawn from, and their colours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drills import report
from drills.report.run import load
from drills.report.series import LOST, series
from drills.traffic import ErrorKind, Header, Objectives, TrafficPlan, record
from tests.support.report_pages import EAST, T0, WEST, Page, sample, write


def test_five_clusters_have_colours_of_their_own_in_legend_and_lanes(tmp_path: Path) -> None:
    names = [f"{name}-cluster" for name in ("east", "east2", "west", "west2", "central")]
    header = Header(run="five", started=T0, title="five", plan=TrafficPlan.to("https://localhost/"))
    with record.Writer(tmp_path / record.FILE, header) as writer:
        for n in range(500):
            writer.write(sample(n, names[n % 5]))
    text = report.write(tmp_path).read_text()
    legend = re.findall(r'background: (#[0-9a-f]{6})"></i>([a-z0-9-]+)</li>', text)
    shown = {name: colour for colour, name in legend if name in names}
    assert len(set(shown.values())) == len(shown) == 5
    for name, colour in shown.items():
        assert text.count(f'fill="{colour}"') > 1, f"{name} is in no chart"


def test_the_chart_holds_every_request(tmp_path: Path) -> None:
    run = load(write(tmp_path / "run-1", lost=7))
    assert sum(one.sent for one in run.series.bins) == 2000
    assert sum(one.clusters.get(LOST, 0) for one in run.series.bins) == 7
    assert run.series.clusters == [EAST, WEST]
    by_lane = [sum(c.values()) for counts in run.series.lanes.values() for c in counts]
    assert sum(by_lane) == 2000


def test_lanes_that_do_not_count_have_their_strip_only() -> None:
    samples = [sample(n, WEST, "envoy" if n % 2 else "kept") for n in range(100)]
    found = series(samples, T0, T0 + 1, uncounted=["envoy"])
    assert sum(one.sent for one in found.bins) == 50
    assert (set(found.lanes), set(found.beside)) == ({"kept h2"}, {"envoy"})


@pytest.mark.parametrize("seconds", [0.05, 1, 59, 3600, 86400, 1e6])
def test_bins_cover_the_run_and_fit_a_chart(seconds: float) -> None:
    found = series([sample(0, EAST)], T0, T0 + seconds)
    assert found.seconds >= seconds
    assert 1 <= len(found.bins) <= 241


def test_a_record_of_nothing_has_a_report(tmp_path: Path) -> None:
    with record.Writer(tmp_path / record.FILE, Header(run="r", started=T0)):
        pass
    assert "No request was sent" in report.write(tmp_path).read_text()


def test_nothing_is_well_and_nothing_is_drawn_where_nothing_was_measured(tmp_path: Path) -> None:
    plan = TrafficPlan.to("https://localhost/", rate=1)
    header = Header("r", T0, plan=plan, objectives=Objectives(slowest=0.1))
    with record.Writer(tmp_path / record.FILE, header):
        pass
    text = report.write(tmp_path).read_text()
    page = Page(text)
    assert 'class="good"' not in text and '<h1 class="bad">' in text
    assert "svg" not in page.tags and "0.0 ms" not in page.words
    assert "1 request a second" in " ".join(page.words)


def test_a_long_name_of_a_lane_keeps_its_begin_and_its_protocol(tmp_path: Path) -> None:
    with record.Writer(tmp_path / record.FILE, Header(run="r", started=T0)) as writer:
        for n in range(100):
            writer.write(sample(n, EAST, "haproxy-of-our-own"))
    words = Page(report.write(tmp_path).read_text()).words
    assert {"hapro…own h1", "hapro…own h2", "haproxy-of-our-own h1"} <= set(words)


def test_a_limit_below_the_axis_has_a_report_where_no_answer_was_good(tmp_path: Path) -> None:
    plan = TrafficPlan.to("https://localhost/", rate=1)
    header = Header("r", T0, plan=plan, objectives=Objectives(slowest=0.0004))
    with record.Writer(tmp_path / record.FILE, header) as writer:
        writer.write(sample(0, EAST, error=ErrorKind.TIMEOUT))
    assert "objective 0 ms" in report.write(tmp_path).read_text()
