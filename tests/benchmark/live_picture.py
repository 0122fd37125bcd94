"""The live picture: how long an event takes until a browser has painted it, and what it costs."""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmark.measure import Samples
from tests.support.browser import Page, browser
from tests.support.checkout import Checkout, kill_session
from tests.support.traffic import ask
from tests.support.waiting import eventually

_TIMES = 20
_QUIET_SECONDS = 2.5
"""A rate is over a second: after so long without requests nobody serves any more."""
_SECONDS = 30
"""How long processors' time is counted."""
_STEP = 15
"""Seconds between two looks at the memory."""

_NOTE = """(() => {
  window.drawn = [];
  const before = draw;
  draw = found => {
    before(found);
    // the next frame has it, and what comes after that frame's work is when it is painted
    requestAnimationFrame(() => setTimeout(() => drawn.push([Date.now() / 1000, found.rate])));
  };
})()"""
"""Have the page note when it has painted which rate; its clock is this machine's."""


@dataclass(frozen=True)
class Open:
    """The picture's server, and a page of it in a browser of 1280x720."""

    demo: Checkout
    page: Page
    server: psutil.Process
    chromium: psutil.Process

    @property
    def readers(self) -> list[psutil.Process]:
        """The server's commands, which ask the proxies."""
        return self.server.children(recursive=True)

    @property
    def painters(self) -> list[psutil.Process]:
        """The browser's processes."""
        return [self.chromium, *self.chromium.children(recursive=True)]


def one_round(demo: Checkout, samples: Samples, soak_minutes: float = 0) -> None:
    """Bring the demo up, measure, and take it down."""
    demo.demo("pulumi", "stack", "select", "--create", "west")
    demo.demo("up")
    try:
        with opened(demo) as found:
            delay(found, samples)
            with traffic(demo, rate=100):
                cost(found, samples)
            if soak_minutes:
                with traffic(demo, rate=10):
                    soak(found, samples, soak_minutes * 60)
    finally:
        demo.demo("destroy")


@contextlib.contextmanager
def opened(demo: Checkout) -> Iterator[Open]:
    """Serve the picture, and open its page."""
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        log = Path(name) / "log"
        process = demo.start("./demo", "task", "topology", log=log)
        try:
            eventually(lambda: "token=" in log.read_text(), "the address is printed", 30)
            with browser(Path(name) / "browser") as page:
                page.open(log.read_text().splitlines()[0])
                eventually(lambda: page.shows("gateway"), "the page has a picture", 30)
                whole = [psutil.Process(process.pid)]
                whole += whole[0].children(recursive=True)
                server = next(p for p in whole if p.cmdline()[1:3] == ["-m", "topology"])
                yield Open(demo, page, server, psutil.Process(page.process))
        finally:
            kill_session(process)


@contextlib.contextmanager
def traffic(demo: Checkout, rate: int) -> Iterator[None]:
    """Send so many requests a second while the block runs."""
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        options = ("--rate", str(rate), "--json", "--no-duplicates")
        log = Path(name) / "log"
        process = demo.start("./demo", "task", "generate-traffic", "--", *options, log=log)
        try:
            time.sleep(5)  # until it has begun, and rates are those of this traffic
            yield
        finally:
            kill_session(process)


def delay(found: Open, samples: Samples) -> None:
    """Measure how long single requests take until the page has painted them."""
    found.page.ask(_NOTE)
    took = [_one(found) for _ in range(_TIMES + 1)][1:]  # the first one warms up
    samples.add("event to picture", statistics.median(took))
    samples.add("event to picture, p95", statistics.quantiles(took, n=20)[-1])


def _one(found: Open) -> float:
    """Return the milliseconds from one request's answer to the picture that shows it."""
    outputs = found.demo.outputs()
    time.sleep(_QUIET_SECONDS)
    found.page.ask("drawn = []")
    ask(outputs, 1)
    answered = time.time()
    served = "drawn.filter(([at, rate]) => rate > 0)"
    eventually(lambda: found.page.ask(f"{served}.length") > 0, "the request is in the picture", 10)
    return max(0.0, float(found.page.ask(f"{served}[0][0]")) - answered) * 1000


def cost(found: Open, samples: Samples) -> None:
    """Measure processors' time and memory of the server, its readers and the page."""
    groups = {
        "picture server": [found.server],
        "picture readers": found.readers,
        "picture page": found.painters,
    }
    before = {name: _processor_seconds(group) for name, group in groups.items()}
    begin = time.monotonic()
    time.sleep(_SECONDS)
    passed = time.monotonic() - begin
    for name, group in groups.items():
        samples.add(name, (_processor_seconds(group) - before[name]) / passed * 100)
    samples.add("picture server memory", found.server.memory_info().rss / 1e6)
    pss = sum(process.memory_full_info().pss for process in found.readers)
    samples.add("picture readers memory", pss / 1e6)


def _processor_seconds(group: Sequence[psutil.Process]) -> float:
    total = 0.0
    for process in group:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def soak(found: Open, samples: Samples, seconds: float) -> None:
    """Measure how memory grows: of the server, and of the page's script after a collection."""
    begin = time.monotonic()
    server: list[tuple[float, float]] = []
    page: list[tuple[float, float]] = []
    while (passed := time.monotonic() - begin) < seconds:
        heap = min(_heap(found.page) for _ in range(3))  # a picture comes between, now and then
        server.append((passed, found.server.memory_info().rss / 1e6))
        page.append((passed, heap / 1e6))
        print(
            f"{passed:5.0f} s: {server[-1][1]:.1f} MB, page {page[-1][1]:.1f} MB", file=sys.stderr
        )
        time.sleep(_STEP)
    samples.add("picture server growth", slope(_settled(server)) * 3600)
    samples.add("picture page growth", slope(_settled(page)) * 3600)


def _heap(page: Page) -> float:
    """Return the bytes that the page's script holds after a collection."""
    page.call("HeapProfiler.collectGarbage")
    return float(page.call("Runtime.getHeapUsage")["usedSize"])


def _settled(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Return the points of the later two thirds: what is kept at most is full by then."""
    return points[len(points) // 3 :]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return how much a quantity grows a second, by least squares; 0 for less than two points."""
    if len(points) < 2:
        return 0.0
    return statistics.linear_regression(*zip(*points, strict=True)).slope
