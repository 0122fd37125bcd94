"""The live picture of the real clusters: who gets the traffic, and who takes over."""

from __future__ import annotations

import contextlib
import json
import time
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

    def states(self) -> dict[str, str]:
        return {each["name"]: each["state"] for each in self.read()["clusters"]}


@contextlib.contextmanager
def served(demo: Checkout, folder: Path) -> Iterator[Page]:
    """The page, as long as the block; then its command is killed outright."""
    log = folder / "topology.log"
    process = demo.start("./demo", "task", "topology", log=log)
    try:
        eventually(lambda: "token=" in log.read_text(), "the address is printed", 30)
        made = Page(log.read_text().splitlines()[0])
        eventually(lambda: made.is_whole(), "every proxy is heard", 30)
        yield made
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
        assert any("east-cluster" in event["text"] for event in page.read()["events"])
    finally:
        demo.demo("task", "heal-all")
    under_traffic(demo, lambda: page.states() == both, "both serve again")


def test_nothing_stays_in_the_pods(demo: Checkout, tmp_path: Path) -> None:
    with served(demo, tmp_path):
        loops = lab.named(demo.lab(), "bash", "/dev/tcp/127.0.0.1/9901")
        assert len(loops) >= 6, "two edge pods and four gateways"
    eventually(lambda: not set(loops) & set(lab.running()), "the loops end with their input", 30)
