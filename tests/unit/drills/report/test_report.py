"""Reports from records: what they say is what the record holds, and they need nothing else."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drills import report
from drills.report import __main__ as command
from drills.report import compare, text
from drills.report.matrix_page import Row, Verdict, headline
from drills.report.run import load
from drills.report.series import LOST, series
from drills.traffic import (
    ErrorKind,
    Event,
    EventKind,
    Header,
    LanePlan,
    Objectives,
    Sample,
    TrafficPlan,
    record,
)
from drills.traffic.accounts import ledger_of

T0 = 1_000_000.0
EAST, WEST = "east-cluster", "west-cluster"
HOSTILE = "<script>alert('x')</script> & \"quotes\""


def sample(
    n: int, cluster: str, lane: str = "kept", error: ErrorKind | None = None, method: str = "GET"
) -> Sample:
    return Sample(
        id=f"r-{n}",
        due=T0 + n / 100,
        started=T0 + n / 100,
        duration=0.004 + n % 10 / 1000,
        lane=lane,
        method=method,
        protocol="h1" if n % 2 else "h2",
        status=None if error else 200,
        error=error,
        cluster="" if error else cluster,
    )


def write(
    folder: Path, *, lost: int = 0, seconds: int = 20, title: str = "gone", method: str = "GET"
) -> Path:
    """Writes the record of a run in which east is left at second 10, and `lost` are lost then."""
    plan = TrafficPlan.to("https://localhost/", rate=100)
    header = Header(
        run=folder.name,
        started=T0,
        title=title,
        stack="west",
        config_digest="abc123",
        plan=plan,
        objectives=Objectives(slowest=0.1, moved=1.0),
        environment={"kubernetes": "v1"},
    )
    with record.Writer(folder / record.FILE, header) as writer:
        writer.write(Event(T0, EventKind.NOTE, "expected", text="all moves to west"))
        writer.write(Event(T0 + 10, EventKind.FAULT, "gone", EAST, HOSTILE, (WEST,), 1.0))
        writer.write(Event(T0 + 15, EventKind.FIX, "gone", EAST))
        for n in range(seconds * 100):
            failed = ErrorKind.TIMEOUT if 1000 <= n < 1000 + lost else None
            side = WEST if n % 3 or 1020 <= n < 1600 else EAST
            how = method if failed else "GET"
            writer.write(sample(n, side, "new" if n % 4 > 1 else "kept", failed, how))
    return folder


class Page(HTMLParser):
    """What is on a page: its tags, and the words between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v or "" for name, v in attrs if name in ("src", "href", "xlink:href")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_all_four_files_tell_the_ledger(tmp_path: Path) -> None:
    folder = write(tmp_path / "run-1", lost=7)
    page = report.write(folder)
    assert page == folder / "report.html"
    ledger = ledger_of(folder)
    assert ledger.total.lost == 7
    told = json.loads((folder / "ledger.json").read_text())
    assert told["ledger"]["total"]["lost"] == 7
    assert told["ledger"]["met"] is False
    assert told["header"]["config_digest"] == "abc123"
    words = " ".join(Page(page.read_text()).words)
    for said in ("7 of 2,000 requests were lost", "all moves to west", "abc123", "kubernetes v1"):
        assert said in words
    markdown = (folder / "report.md").read_text()
    assert "**7 of 2,000 requests were lost.**" in markdown
    assert "| lost | 0 | 7 | **missed** |" in markdown
    suite = ElementTree.parse(folder / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("4", "1")
    failed = [
        case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None
    ]
    assert failed == ["lost"]


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


def test_a_run_without_loss_says_so(tmp_path: Path) -> None:
    page = report.write(write(tmp_path / "run-1")).read_text()
    words = " ".join(Page(page).words)
    assert "No request was lost, of 2,000" in words
    assert "All objectives were met." in words


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        (1, "1 lost request was of a method that may not be repeated, without an"),
        (
            2,
            "2 lost requests were of a method that may not be repeated, without an",
        ),
    ],
)
def test_a_verdict_says_why_no_objective_covers_what_was_lost(
    tmp_path: Path, lost: int, words: str
) -> None:
    folder = write(tmp_path / "run-1", lost=lost, method="POST")
    said = " ".join(Page(report.write(folder).read_text()).words)
    assert f"All objectives were met. {words}" in said
    assert words in (folder / "report.md").read_text()


def test_the_page_needs_no_network_and_runs_no_script(tmp_path: Path) -> None:
    text = report.write(write(tmp_path / "run-1")).read_text()
    page = Page(text)
    assert page.addresses == []
    assert not {"script", "link", "iframe", "img"} & set(page.tags)
    assert not re.search(r"url\(|@import", text)


def test_what_others_wrote_is_text_and_nothing_else(tmp_path: Path) -> None:
    text = report.write(write(tmp_path / "run-1", title=HOSTILE)).read_text()
    page = Page(text)
    assert "script" not in page.tags
    assert HOSTILE in page.words


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


def test_a_headline_is_not_green_above_a_missed_objective(tmp_path: Path) -> None:
    header = Header(
        "r", T0, plan=TrafficPlan.to("https://x/"), objectives=Objectives(slowest=0.001)
    )
    with record.Writer(tmp_path / record.FILE, header) as writer:
        for n in range(100):
            writer.write(sample(n, EAST))
    assert '<h1 class="bad">No request was lost' in report.write(tmp_path).read_text()


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


def test_the_headline_of_a_drill_cut_short_has_no_verdicts_colour(tmp_path: Path) -> None:
    header = Header("r", T0, fault="gone", plan=TrafficPlan.to("https://localhost/", rate=100))
    with record.Writer(tmp_path / record.FILE, header) as writer:
        for n in range(100):
            writer.write(sample(n, EAST))
    text = report.write(tmp_path).read_text()
    assert '<h1 class="">' in text and '<p class="">Ended before its time' in text


def test_a_long_name_of_a_lane_keeps_its_begin_and_its_protocol(tmp_path: Path) -> None:
    with record.Writer(tmp_path / record.FILE, Header(run="r", started=T0)) as writer:
        for n in range(100):
            writer.write(sample(n, EAST, "haproxy-of-our-own"))
    words = Page(report.write(tmp_path).read_text()).words
    assert {"hapro…own h1", "hapro…own h2", "haproxy-of-our-own h1"} <= set(words)


def test_two_runs_are_compared(tmp_path: Path) -> None:
    one, other = load(write(tmp_path / "a")), load(write(tmp_path / "b", lost=7, title="other"))
    lines = {line[0]: line[1:] for line in compare.figures(one, other)}
    assert lines["lost"] == ("0", "7", "+7")
    assert lines["sent"] == ("2,000", "2,000", "")
    assert "gone (east-cluster): all moved" in lines
    assert compare.differences(one, other) == [("title", "gone", "other", "differs")]
    assert compare.differences(one, one) == []


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = write(tmp_path / "a"), write(tmp_path / "b", lost=7)
    assert command.main([str(one)]) == 0
    assert (one / "report.html").exists()
    assert command.main(["compare", str(one), str(other / record.FILE)]) == 0
    assert "+7" in capsys.readouterr().out
    assert command.main(["compare", str(one), "no-such-run"]) == 1
    assert "There is no run 'no-such-run'." in capsys.readouterr().err


def test_the_report_of_a_record_of_another_name_is_of_that_one(tmp_path: Path) -> None:
    folder = write(tmp_path / "a")
    own = (write(tmp_path / "b", lost=7) / record.FILE).rename(folder / "my-own.jsonl")
    assert command.main([str(own)]) == 0
    assert "7 of 2,000 requests were lost" in (folder / "report.md").read_text()


def test_the_matrix(tmp_path: Path) -> None:
    good, bad = (write(tmp_path / name, lost=n) for name, n in (("a", 0), ("b", 7)))
    rows = [
        Row("workload", "gone", "active", Verdict.MET, "", ledger_of(good), "a"),
        Row("workload", "gone", "standby", Verdict.MISSED, "lost 7", ledger_of(bad), "b"),
        Row("cluster", "nodes-killed", "active", Verdict.UNAVAILABLE, "not our machine"),
        Row("cluster", "nodes-killed", "standby", Verdict.FAILED, "the fix did not work"),
    ]
    page = Page(report.write_matrix(tmp_path, "All drills", rows).read_text())
    assert page.addresses == ["a/report.html", "b/report.html"]
    words = " ".join(page.words)
    assert "1 of 3 met their objectives; 7 of 4,000 lost" in words
    assert "not available: not our machine" in words
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    counts = [suite.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counts == ["4", "1", "1", "1"]
    markdown = (tmp_path / "matrix.md").read_text()
    assert "| workload | gone | met: lost 0" in markdown


@given(st.text())
@example("\x1b[31mtask: Failed\x1b[0m\x00")
def test_a_test_suite_is_xml_whatever_the_reason_is(reason: str) -> None:
    root = Element("testsuite", {"name": reason})
    read = ElementTree.fromstring(text.xml(root)).get("name")
    assert read is not None and len(read) == len(reason)


def test_the_matrix_counts_what_no_objective_covers_and_says_so(tmp_path: Path) -> None:
    ledger = ledger_of(write(tmp_path / "a", lost=4, method="POST"))
    row = Row("workload", "gone", "active", Verdict.MET, "", ledger, "a")
    assert headline([row])[0] == (
        "1 of 1 met their objectives; 4 of 2,000 lost, 4 of them that no objective covers"
    )
    assert row.figures.startswith("lost 0 (4 more that no objective covers), ")


def test_a_lane_to_compare_with_does_not_decide(tmp_path: Path) -> None:
    lanes = (LanePlan("kept", "https://x/", True), LanePlan("envoy", "https://x/", True, False))
    header = Header(run="r", started=T0, plan=TrafficPlan(lanes), objectives=Objectives(moved=None))
    with record.Writer(tmp_path / record.FILE, header) as writer:
        for n in range(100):
            writer.write(sample(2 * n, EAST))
            writer.write(sample(2 * n + 1, EAST, "envoy", ErrorKind.RESET))
    words = " ".join(Page(report.write(tmp_path).read_text()).words)
    assert "No request was lost, of 100" in words
