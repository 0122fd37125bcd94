"""The page that plays a record: from a file, in a report, as the example of the documentation."""

from __future__ import annotations

import base64
import gzip
import os
from pathlib import Path

from drills import live_picture, report
from drills.traffic import Event, EventKind, Header, TrafficPlan, record
from foundation.project import ROOT
from tests.support.browser import Page
from tests.support.page_stack import Stack, served, shown
from tests.support.pictures import EAST, WEST
from tests.support.waiting import eventually
from topology import recording

EXAMPLE = ROOT / "docs" / "topology-example.html"


def parts(page: Page) -> list[str]:
    """The parts of the picture and their states, without the line of time, which is longer."""
    return [name for name in page.names("image") if not name.startswith("Who answered")]


def test_a_record_plays_offline_and_shows_what_was_live(page: Page, tmp_path: Path) -> None:
    stack, file = Stack(EAST, WEST), tmp_path / "topology.jsonl"
    recorder = recording.Recorder(file)
    with served(stack) as address:
        page.open(address)
        shown(page, "Stack west")
        live = []
        for step in range(6):
            fault = Event(stack.now + 0.9, EventKind.FAULT, "region-cut", EAST)
            if step == 3:
                stack.flags[EAST] = frozenset({"failed_active_hc"})
            recorder.add(
                stack.pass_time(1.0, *[fault][: step == 3], to=(WEST, EAST)[: 2 - step // 3])
            )
            eventually(lambda: page.ask("latest.at") == stack.now, "the page is told", 20)
            live.append(parts(page))
    recorder.close()
    page.prefer("prefers-reduced-motion", "reduce")  # it does not play by itself then
    page.open(recording.write_page(file).as_uri())
    shown(page, "of 5.0 s")
    replayed = []
    for step in range(6):
        page.ask(f"show({step})")
        replayed.append(parts(page))
    assert replayed == live and live[2] != live[4]
    page.ask("show(0)")
    page.press("n")
    assert page.ask("frames[shown].at") == 1004.0, "the next event"
    page.press(" ")
    eventually(lambda: page.ask("shown") == 5, "it plays to its end", 20)


def test_the_report_of_a_run_plays_its_picture_inside(page: Page, tmp_path: Path) -> None:
    stack = Stack(EAST, WEST)
    recorder = recording.Recorder(tmp_path / live_picture.FILE)
    for _ in range(3):
        recorder.add(stack.pass_time(1.0))
    recorder.close()
    recording.write_page(recorder.file)
    header = Header(
        "run-1", stack.now, "gone", "west", plan=TrafficPlan.to("https://localhost/", rate=1)
    )
    with record.Writer(tmp_path / record.FILE, header):
        pass
    page.open(report.write(tmp_path).as_uri())
    inside = "document.querySelector('iframe').contentDocument"
    eventually(lambda: page.ask(f"{inside}.body.textContent.includes('of 2.0 s')"), "it plays", 20)
    found = page.ask(f"[...{inside}.querySelectorAll('[role=img]')].map(e => e.ariaLabel)")
    assert any(name.startswith(f"{WEST}, serving") for name in found if name)
    assert page.ask("document.querySelector('section a').href").endswith("/topology.html")


def test_the_example_of_the_documentation_is_of_this_page() -> None:
    """GOLDEN=write makes it anew from its own record."""
    text = EXAMPLE.read_text()
    record = unpacked(text)
    made = recording.page(record)[0]
    if os.environ.get("GOLDEN") == "write":
        EXAMPLE.write_text(made)
        return
    # one zlib packs otherwise than another
    assert text.replace(packed(text), "") == made.replace(packed(made), "")
    assert unpacked(made) == record


def packed(page: str) -> str:
    """Return what a page that was recorded carries."""
    return page.partition('id="record">')[2].partition("<")[0]


def unpacked(page: str) -> str:
    """Return the record of such a page."""
    return gzip.decompress(base64.b64decode(packed(page))).decode()


def test_the_example_of_the_documentation_plays(page: Page) -> None:
    assert EXAMPLE.stat().st_size < 200_000
    page.open(EXAMPLE.as_uri())
    shown(page, "has its share again")
    page.ask("jump(frames.events.find(event => event.kind === 'moved').at)")
    assert page.shows("gateway-gone in east-cluster")
    assert page.violations() == []


def test_a_page_without_javascript_says_what_it_needs(page: Page) -> None:
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.open(EXAMPLE.as_uri())
        assert page.ask("document.querySelector('noscript').innerText").endswith("JavaScript.")
        assert page.ask("document.querySelector('noscript').offsetHeight") > 0
    finally:
        page.call("Emulation.setScriptExecutionDisabled", value=False)
