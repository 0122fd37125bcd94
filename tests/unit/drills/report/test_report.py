"""Reports from records: what they say is what the record holds, and they need nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from drills import report
from drills.report import __main__ as command
from drills.traffic import ErrorKind, Header, LanePlan, Objectives, TrafficPlan, record
from drills.traffic.accounts import ledger_of
from tests.support.report_pages import EAST, HOSTILE, T0, Page, sample, write


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
    assert "\nLost by kind: timeout 7.\n" in markdown
    suite = ElementTree.parse(folder / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("4", "1")
    failed = [
        case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None
    ]
    assert failed == ["lost"]


def test_a_run_without_loss_says_so(tmp_path: Path) -> None:
    page = report.write(write(tmp_path / "run-1")).read_text()
    words = " ".join(Page(page).words)
    assert "No request was lost, of 2,000" in words
    assert "All objectives were met." in words


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        (1, "1 lost request was of a method that may not be repeated, without an"),
        (2, "2 lost requests were of a method that may not be repeated, without an"),
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


def test_a_headline_is_not_green_above_a_missed_objective(tmp_path: Path) -> None:
    header = Header(
        "r", T0, plan=TrafficPlan.to("https://x/"), objectives=Objectives(slowest=0.001)
    )
    with record.Writer(tmp_path / record.FILE, header) as writer:
        for n in range(100):
            writer.write(sample(n, EAST))
    assert '<h1 class="bad">No request was lost' in report.write(tmp_path).read_text()


def test_the_headline_of_a_drill_cut_short_has_no_verdicts_colour(tmp_path: Path) -> None:
    header = Header("r", T0, fault="gone", plan=TrafficPlan.to("https://localhost/", rate=100))
    with record.Writer(tmp_path / record.FILE, header) as writer:
        for n in range(100):
            writer.write(sample(n, EAST))
    text = report.write(tmp_path).read_text()
    assert '<h1 class="">' in text and '<p class="">Ended before its time' in text


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


def test_a_lane_to_compare_with_does_not_decide(tmp_path: Path) -> None:
    lanes = (LanePlan("kept", "https://x/", True), LanePlan("envoy", "https://x/", True, False))
    header = Header(run="r", started=T0, plan=TrafficPlan(lanes), objectives=Objectives(moved=None))
    with record.Writer(tmp_path / record.FILE, header) as writer:
        for n in range(100):
            writer.write(sample(2 * n, EAST))
            writer.write(sample(2 * n + 1, EAST, "envoy", ErrorKind.RESET))
    words = " ".join(Page(report.write(tmp_path).read_text()).words)
    assert "No request was lost, of 100" in words
