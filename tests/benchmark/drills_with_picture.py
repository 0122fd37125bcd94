"""What the live picture costs a drill: each drill without it and with it, one after the other."""

from __future__ import annotations

import itertools
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from drills.faults import Fault
from drills.traffic.accounts import ledger_of
from drills.traffic.ledger import Ledger
from tests.support.browser import Page, browser
from tests.support.checkout import Checkout, eventually, kill_session

MODES = ("active", "standby")

_ADDRESS = re.compile(r"Live picture: (\S+)")
_FOLDER = re.compile(r"^Report: (.+)/report\.html$", re.MULTILINE)
_SECONDS = 240
"""How long a drill may take; the longest takes a third of it."""


@dataclass(frozen=True)
class Cost:
    """What a drill's ledger says: of the requests that objectives speak of, and of streams."""

    sent: int
    lost: int
    cut: int
    slowest: float
    """Milliseconds."""
    moved: float | None
    """Seconds until all requests went elsewhere; None where none should move."""


@dataclass(frozen=True)
class Pair:
    """One drill in one mode, both ways; None where it did not come to an end."""

    mode: str
    drill: str
    without: Cost | None
    beside: Cost | None


def cost_of(ledger: Ledger) -> Cost:
    """Return what a run cost."""
    moved = [i.seconds_to(i.all_moved) for i in ledger.incidents if i.should_move]
    known = [seconds for seconds in moved if seconds is not None]
    return Cost(
        ledger.promised.sent,
        ledger.promised.lost,
        sum(streams.cut for streams in ledger.streams.values()),
        ledger.promised.latency.max * 1000,
        max(known, default=None),
    )


def every(demo: Checkout, faults: Sequence[Fault], rounds: int) -> Iterator[Pair]:
    """Bring the demo up, yield each drill in each mode, and take the demo down.

    In each mode all drills are run so many rounds. The page is open in a browser of 1280x720 while
    there is a picture. Which way comes first changes from drill to drill and from round to round,
    so that neither has the warmer stack.
    """
    demo.demo("pulumi", "stack", "select", "--create", "west")
    try:
        with tempfile.TemporaryDirectory(prefix="demo-") as name, browser(Path(name) / "b") as page:
            for mode in MODES:
                demo.demo("pulumi", "config", "set", "lbMode", mode)
                demo.demo("up")
                for number, fault in itertools.product(range(rounds), faults):
                    begin = (number + faults.index(fault)) % 2 == 1
                    ways = {
                        way: _drill(demo, page, Path(name) / "log", fault.name, way)
                        for way in (begin, not begin)
                    }
                    yield Pair(mode, fault.name, ways[False], ways[True])
    finally:
        demo.demo("destroy")


def _drill(demo: Checkout, page: Page, log: Path, name: str, has_picture: bool) -> Cost | None:
    """Run one drill; its exit code judges times, so only its ledger counts."""
    options = ["--picture"] if has_picture else []
    process = demo.start("./demo", "task", "drill", "--", name, *options, log=log)
    try:
        if has_picture:
            eventually(lambda: bool(_ADDRESS.search(log.read_text())), "the address is printed", 60)
            if found := _ADDRESS.search(log.read_text()):
                page.open(found[1])
        process.wait(_SECONDS)
    finally:
        kill_session(process)
    if has_picture:
        page.open("about:blank")
    written = _FOLDER.findall(log.read_text())
    if not written:
        print(log.read_text()[-500:], file=sys.stderr)
        return None
    return cost_of(ledger_of(Path(written[-1])))


def show(pairs: Sequence[Pair]) -> None:
    """Print a line for each drill, and the sums."""
    table = Table(title="Each drill without the live picture, and with it open in a browser")
    for head in ("mode", "drill", "lost", "streams cut", "slowest, ms", "all moved, s"):
        table.add_column(head, justify="left" if head in ("mode", "drill") else "right")
    for pair in pairs:
        table.add_row(pair.mode, pair.drill, *_cells(pair))
    Console(width=110).print(table)
    both = [(p.without, p.beside) for p in pairs if p.without and p.beside]
    for place, way in enumerate(("without", "with")):
        runs = [pair[place] for pair in both]
        print(
            f"{way}: {len(runs)} drills, lost {sum(r.lost for r in runs):,}"
            f" of {sum(r.sent for r in runs):,}, streams cut {sum(r.cut for r in runs):,}"
        )


def _cells(pair: Pair) -> Iterator[str]:
    if pair.without is None or pair.beside is None:
        yield from (_way("-" if pair.without is None else "ran", "-"), "", "", "")
        return
    a, b = pair.without, pair.beside
    yield _way(f"{a.lost:,}", f"{b.lost:,}")
    yield _way(f"{a.cut:,}", f"{b.cut:,}")
    yield _way(f"{a.slowest:.0f}", f"{b.slowest:.0f}")
    yield _way(*("" if c.moved is None else f"{c.moved:.2f}" for c in (a, b)))


def _way(without: str, beside: str) -> str:
    return f"{without} / {beside}" if without or beside else ""
