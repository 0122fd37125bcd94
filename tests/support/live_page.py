"""`./demo task topology` of a checkout, and the news of its page."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.checkout import Checkout, kill_session
from tests.support.waiting import eventually


class Page:
    """The page's news, asked for as its script does."""

    def __init__(self, address: str) -> None:
        self.address = address
        """What a browser opens."""
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
def served(
    demo: Checkout, folder: Path, *options: str, in_order: bool = False, whole: bool = True
) -> Iterator[Page]:
    """The page, as long as the block; then its command is killed outright, or ended `in_order`.

    It is `whole` when every proxy is heard.
    """
    log = folder / "topology.log"
    process = demo.start("./demo", "task", "topology", "--", *options, log=log)
    try:
        eventually(lambda: "token=" in log.read_text(), "the address is printed", 30)
        made = Page(log.read_text().splitlines()[0])
        if whole:
            eventually(lambda: made.is_whole(), "every proxy is heard", 30)
        yield made
        if in_order:
            os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
            process.wait(60)
    finally:
        kill_session(process)
