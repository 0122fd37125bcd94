"""How long an event takes until it is in the live picture, as a browser draws it."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from tests.benchmark.measure import Samples
from tests.support.browser import Page, browser
from tests.support.checkout import Checkout, eventually, kill_session
from tests.support.traffic import ask

_TIMES = 20
_QUIET_SECONDS = 2.5
"""A rate is over a second: after so long without requests nobody serves any more."""

_NOTE = """(() => {
  window.drawn = [];
  const before = draw;
  draw = found => { before(found); drawn.push([Date.now() / 1000, found.rate]); };
})()"""
"""Have the page note when it has drawn which rate; its clock is this machine's."""


def one_round(demo: Checkout, samples: Samples) -> None:
    """Bring the demo up, measure by single requests, and take it down."""
    demo.demo("pulumi", "stack", "select", "--create", "west")
    demo.demo("up")
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        log = Path(name) / "log"
        process = demo.start("./demo", "task", "topology", log=log)
        try:
            eventually(lambda: "token=" in log.read_text(), "the address is printed", 30)
            with browser(Path(name) / "browser") as page:
                page.open(log.read_text().splitlines()[0])
                took = [_one(demo, page) for _ in range(_TIMES + 1)][1:]  # the first one warms up
        finally:
            kill_session(process)
    samples.add("event to picture", statistics.median(took))
    samples.add("event to picture, p95", statistics.quantiles(took, n=20)[-1])
    demo.demo("destroy")


def _one(demo: Checkout, page: Page) -> float:
    """Return the milliseconds from one request's answer to the picture that shows it."""
    if page.ask("typeof drawn") == "undefined":
        eventually(lambda: page.shows("gateway"), "the page has a picture", 30)
        page.ask(_NOTE)
    outputs = demo.outputs()
    time.sleep(_QUIET_SECONDS)
    page.ask("drawn = []")
    ask(outputs, 1)
    answered = time.time()
    served = "drawn.filter(([at, rate]) => rate > 0)"
    eventually(lambda: page.ask(f"{served}.length") > 0, "the request is in the picture", 10)
    return max(0.0, float(page.ask(f"{served}[0][0]")) - answered) * 1000
