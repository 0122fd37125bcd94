"""The live picture of the real clusters: who gets the traffic, and who takes over."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import lab
from tests.support.checkout import Checkout, eventually, kill_session
from tests.support.traffic import ask


class Page:
    """The page's news, asked for as its script does."""

    def __init__(self, address: str) -> None:
        self._address = address.replace("/?", "/state.json?")

    def read(self) -> dict[str, Any]:
        with urllib.request.urlopen(self._address, timeout=5) as answer:  # of 127.0.0.1
            return dict(json.load(answer))

    def is_whole(self) -> bool:
        """Whether two edge pods, and in two clusters two gateways and two pods, are there."""
        found = self.read()
        parts = [found["edge"], found["clusters"]]
        parts += [each[key] for each in found["clusters"] for key in ("gateways", "pods")]
        heard = [proxy for each in found["clusters"] for proxy in each["gateways"]]
        states = {proxy["state"] for proxy in [*found["edge"], *heard]}
        return {len(part) for part in parts} == {2} and states == {"serving"}

    def events(self) -> list[str]:
        """The kinds of what happened, but for mere changes of state."""
        return [each["kind"] for each in self.read()["events"] if each["kind"] != "state"]

    def do(self, **wanted: str) -> None:
        """Do something as the page's script does."""
        address = self._address.replace("/state.json?", "/do?")
        parts = urllib.parse.urlsplit(address)
        headers = {"Content-Type": "application/json", "Origin": f"http://{parts.netloc}"}
        request = urllib.request.Request(address, json.dumps(wanted).encode(), headers)
        with urllib.request.urlopen(request, timeout=5) as answer:  # of 127.0.0.1
            assert answer.status == 202

    def metrics(self) -> str:
        """What Prometheus reads, which has no token."""
        address = self._address.partition("/state.json")[0]
        with urllib.request.urlopen(f"{address}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def states(self) -> dict[str, str]:
        return {each["name"]: each["state"] for each in self.read()["clusters"]}


@contextlib.contextmanager
def served(demo: Checkout, folder: Path, *options: str, in_order: bool = False) -> Iterator[Page]:
    """The page, as long as the block; then its command is killed outright, or ended `in_order`."""
    log = folder / "topology.log"
    process = demo.start("./demo", "task", "topology", "--", *options, log=log)
    try:
        eventually(lambda: "token=" in log.read_text(), "the address is printed", 30)
        made = Page(log.read_text().splitlines()[0])
        eventually(lambda: made.is_whole(), "every proxy is heard", 30)
        yield made
        if in_order:
            os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
            process.wait(60)
    finally:
        kill_session(process)


@pytest.fixture
def page(demo: Checkout, tmp_path: Path) -> Iterator[Page]:
    with served(demo, tmp_path) as made:
        yield made


def under_traffic(demo: Checkout, condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds while requests are sent."""
    outputs, until = demo.outputs(), time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, what
        ask(outputs, 20)


def test_the_picture_shows_who_serves_and_who_takes_over(demo: Checkout, page: Page) -> None:
    both = {"east-cluster": "serving", "west-cluster": "serving"}
    under_traffic(demo, lambda: page.states() == both, "both serve")
    assert {cluster["due"] for cluster in page.read()["clusters"]} == {0.5}
    demo.demo("task", "cluster-outage", "--", "--cluster", "east-cluster")
    try:
        under_traffic(
            demo, lambda: page.states()["east-cluster"] == "unreachable", "east is unreachable"
        )
        under_traffic(demo, lambda: page.states()["west-cluster"] == "serving", "west serves")
        east = next(each for each in page.read()["clusters"] if each["name"] == "east-cluster")
        assert len(east["gateways"]) == 2, "nothing disappears"
        (broken,) = page.read()["broken"]
        assert (broken["fault"], broken["cluster"]) == ("gateway-gone", "east-cluster")
        under_traffic(demo, lambda: "moved" in page.events(), "all moved")
        assert page.events()[0] == "struck"
        state = (
            'topology_cluster_state{cluster="east-cluster",topology_cluster_state="unreachable"}'
        )
        assert f"{state} 1.0" in page.metrics()
    finally:
        demo.demo("task", "heal-all")
    under_traffic(demo, lambda: page.states() == both, "both serve again")
    under_traffic(demo, lambda: "back" in page.events(), "east has its share again")
    assert "mended" in page.events() and page.read()["broken"] == []


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
