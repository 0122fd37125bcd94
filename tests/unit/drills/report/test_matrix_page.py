"""The page of many drills, and reports of two runs beside each other."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from hypothesis import example, given
from hypothesis import strategies as st

from drills import report
from drills.report import compare, text
from drills.report.matrix_page import Row, Verdict, headline
from drills.report.run import load
from drills.traffic.accounts import ledger_of
from tests.support.report_pages import Page, write


def test_two_runs_are_compared(tmp_path: Path) -> None:
    one, other = load(write(tmp_path / "a")), load(write(tmp_path / "b", lost=7, title="other"))
    lines = {line[0]: line[1:] for line in compare.figures(one, other)}
    assert lines["lost"] == ("0", "7", "+7")
    assert lines["sent"] == ("2,000", "2,000", "")
    assert "gone (east-cluster): all moved" in lines
    assert compare.differences(one, other) == [("title", "gone", "other", "differs")]
    assert compare.differences(one, one) == []


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
