"""The live picture of the real clusters: who gets the traffic, and who takes over."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support import lab
from tests.support.browser import Page as Browser
from tests.support.browser import browser
from tests.support.checkout import Checkout
from tests.support.live_page import Page, served
from tests.support.traffic import ask
from tests.support.waiting import eventually

UnderTraffic = Callable[[Callable[[], bool], str], None]


@pytest.fixture
def page(demo: Checkout, tmp_path: Path) -> Iterator[Page]:
    with served(demo, tmp_path) as made:
        yield made


@pytest.fixture
def under_traffic(outputs: dict[str, Any]) -> UnderTraffic:
    """Wait until a condition holds while requests are sent."""

    def wait(condition: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < until, what
            ask(outputs, 20)

    return wait


def test_the_picture_shows_who_serves_and_who_takes_over(
    demo: Checkout, page: Page, under_traffic: UnderTraffic
) -> None:
    both = {"east-cluster": "serving", "west-cluster": "serving"}
    under_traffic(lambda: page.states() == both, "both serve")
    assert {cluster["due"] for cluster in page.read()["clusters"]} == {0.5}
    try:
        with ThreadPoolExecutor() as pool:  # what answers nothing when it is struck never moves
            outage = ("task", "cluster-outage", "--", "--cluster", "east-cluster")
            struck = pool.submit(demo.demo, *outage)
            under_traffic(struck.done, "the fault is in force")
            struck.result()
        under_traffic(lambda: page.states()["east-cluster"] == "unreachable", "east is unreachable")
        under_traffic(lambda: page.states()["west-cluster"] == "serving", "west serves")
        east = next(each for each in page.read()["clusters"] if each["name"] == "east-cluster")
        assert len(east["gateways"]) == 2, "nothing disappears"
        (broken,) = page.read()["broken"]
        assert (broken["fault"], broken["cluster"]) == ("gateway-gone", "east-cluster")
        under_traffic(lambda: "moved" in page.events(), "all moved")
        assert page.events()[0] == "struck"
        state = (
            'topology_cluster_state{cluster="east-cluster",topology_cluster_state="unreachable"}'
        )
        assert f"{state} 1.0" in page.metrics()
    finally:
        demo.demo("task", "heal-all")
    under_traffic(lambda: page.states() == both, "both serve again")
    under_traffic(lambda: "back" in page.events(), "east has its share again")
    assert "mended" in page.events() and page.read()["broken"] == []


@pytest.fixture
def opened(page: Page, tmp_path: Path) -> Iterator[Browser]:
    """The page in a browser."""
    with browser(tmp_path / "browser") as made:
        made.open(page.address)
        eventually(lambda: bool(made.names("image")), "the picture is there", 30)
        yield made


def has(opened: Browser, *words: str) -> bool:
    """Whether a part of the picture is called by all these words."""
    return any(all(word in name for word in words) for name in opened.names("image"))


@pytest.mark.parametrize(
    ("fault", "states"),
    [
        ("workload-gone", [("east-cluster", "degraded"), ("pod", "gone")]),
        ("pods-errors", [("pod", "ejected, ", " s left")]),
        ("gateway-gone", [("east-cluster", "unreachable"), ("gateway", "gone")]),
        ("cluster-power", [("east-cluster", "unreachable"), ("gateway", "no answer for ")]),
    ],
)
def test_a_browser_shows_each_state_that_a_fault_leads_to(
    demo: Checkout,
    opened: Browser,
    under_traffic: UnderTraffic,
    fault: str,
    states: list[tuple[str, ...]],
) -> None:
    where = ("--cluster", "east-cluster")
    under_traffic(lambda: has(opened, "east-cluster", "serving"), "east serves")
    demo.demo("task", "break", "--", fault, *where)
    try:
        for words in states:
            under_traffic(lambda w=words: has(opened, *w), f"{words} is in the picture")
        assert opened.shows(f"{fault} in east-cluster for")
        if fault == "cluster-power":
            assert opened.shows("No news from east-cluster for")
        if fault == "gateway-gone":
            draining = "now draining"
            assert opened.shows(draining), "as an event: it passes by"
    finally:
        demo.demo("task", "heal-all")
    under_traffic(lambda: has(opened, "east-cluster", "serving"), "east serves again")
    assert opened.errors == []


def test_a_switch_shows_who_stands_by_as_soon_as_it_is_in_force(
    demo: Checkout, opened: Browser, under_traffic: UnderTraffic
) -> None:
    demo.demo("pulumi", "config", "set", "lbMode", "standby")
    try:
        demo.demo("up")
        under_traffic(lambda: has(opened, "standby", ", due 0 %"), "one stands by")
        assert opened.shows("The edge is configured anew")
        eventually(lambda: opened.shows("mode: standby"), "the mode is said", 30)
    finally:
        demo.demo("pulumi", "config", "rm", "lbMode")
        demo.demo("up")
    eventually(lambda: not has(opened, ", due 0 %"), "both are due a share again", 30)


def test_what_the_page_breaks_is_mended_when_it_ends(demo: Checkout, tmp_path: Path) -> None:
    record = tmp_path / "kept.jsonl"
    with served(demo, tmp_path, "--record", str(record), in_order=True) as page:
        page.do(what="break", fault="workload-gone", cluster="west-cluster")
        eventually(lambda: page.read()["command"]["code"] == 0, "it is broken", 60)
        eventually(lambda: page.states()["west-cluster"] == "degraded", "west passes on", 30)
        at_last = page.states()
    assert demo.demo("task", "status").code == 0, "nothing is broken"
    assert (tmp_path / "kept.html").stat().st_size < 200_000
    kept = [json.loads(line) for line in record.read_text().splitlines()]
    shown = [{each["name"]: each["state"] for each in line["clusters"]} for line in kept]
    assert at_last in shown[-8:], "the record ends with what was live"


def test_a_drill_records_its_picture_and_the_report_plays_it(demo: Checkout) -> None:
    options = ("--picture", "--baseline", "1", "--hold", "2")
    done = demo.demo("task", "drill", "--", "workload-gone", *options, check=False)
    found = re.search(r"^Report: (.+)$", done.output, re.MULTILINE)
    assert found, done.output
    folder = Path(found[1]).parent
    report = (folder / "report.html").read_text()
    assert 'href="topology.html"' in report and "<iframe" in report
    kept = [json.loads(line) for line in (folder / "topology.jsonl").read_text().splitlines()]
    run = [json.loads(line) for line in (folder / "record.jsonl").read_text().splitlines()]
    events = {event["kind"]: event["at"] for line in kept for event in line["events"]}
    faults = {line["kind"]: line["at"] for line in run if line["type"] == "event"}
    assert events["struck"] == pytest.approx(faults["fault"], abs=0.001), "the same moments"
    assert events["mended"] == pytest.approx(faults["fix"], abs=0.001)


def test_nothing_stays_in_the_pods(demo: Checkout, tmp_path: Path) -> None:
    with served(demo, tmp_path):
        loops = lab.named(demo.lab(), "bash", "/dev/tcp/127.0.0.1/9901")
        assert len(loops) >= 6, "two edge pods and four gateways"
    eventually(lambda: not set(loops) & set(lab.running()), "the loops end with their input", 30)
