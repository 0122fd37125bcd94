"""What the live picture costs a drill: without it, with its server alone, and with a page open."""

from __future__ import annotations

import itertools
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from drills.faults import Fault
from drills.traffic.accounts import ledger_of
from drills.traffic.ledger import Ledger
from tests.support.browser import Page, browser
from tests.support.checkout import Checkout, kill_session
from tests.support.waiting import eventually

MODES = ("active", "standby")

_ADDRESS = re.compile(r"Live picture: (\S+)")
_FOLDER = re.compile(r"^Report: (.+)/report\.html$", re.MULTILINE)
_SECONDS = 240
"""How long a drill may take; the longest takes a third of it."""


class Way(StrEnum):
    """How much of the picture there is while a drill runs."""

    WITHOUT = "without"
    SERVER = "server"
    PAGE = "page"
    """The server, and its page open in a browser of 1280x720."""


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
class Runs:
    """One drill in one mode, all ways; None where it did not come to an end."""

    mode: str
    drill: str
    costs: Mapping[Way, Cost | None]


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


def every(demo: Checkout, faults: Sequence[Fault], rounds: int) -> Iterator[Runs]:
    """Bring the demo up, yield each drill in each mode, and take the demo down.

    In each mode all drills are run so many rounds. Which way comes first changes from drill to
    drill and from round to round, so that none has the warmer stack.
    """
    ways = list(Way)
    demo.demo("pulumi", "stack", "select", "--create", "west")
    try:
        with tempfile.TemporaryDirectory(prefix="demo-") as name, browser(Path(name) / "b") as page:
            for mode in MODES:
                demo.demo("pulumi", "config", "set", "lbMode", mode)
                demo.demo("up")
                for number, fault in itertools.product(range(rounds), faults):
                    first = (number + faults.index(fault)) % len(ways)
                    in_turn = [*ways[first:], *ways[:first]]
                    log = Path(name) / "log"
                    costs = {way: _drill(demo, page, log, fault.name, way) for way in in_turn}
                    yield Runs(mode, fault.name, costs)
    finally:
        demo.demo("destroy")


def _drill(demo: Checkout, page: Page, log: Path, name: str, way: Way) -> Cost | None:
    """Run one drill; its exit code judges times, so only its ledger counts."""
    options = [] if way is Way.WITHOUT else ["--picture"]
    process = demo.start("./demo", "task", "drill", "--", name, *options, log=log)
    try:
        if way is Way.PAGE:
            eventually(lambda: bool(_ADDRESS.search(log.read_text())), "the address is printed", 60)
            if found := _ADDRESS.search(log.read_text()):
                page.open(found[1])
        process.wait(_SECONDS)
    finally:
        kill_session(process)
    page.open("about:blank")
    written = _FOLDER.findall(log.read_text())
    if not written:
        print(log.read_text()[-500:], file=sys.stderr)
        return None
    return cost_of(ledger_of(Path(written[-1])))


_COLUMNS: Mapping[str, Callable[[Cost], str]] = {
    "lost": lambda cost: f"{cost.lost:,}",
    "streams cut": lambda cost: f"{cost.cut:,}",
    "slowest, ms": lambda cost: f"{cost.slowest:.0f}",
    "all moved, s": lambda cost: "" if cost.moved is None else f"{cost.moved:.2f}",
}


def show(runs: Sequence[Runs]) -> None:
    """Print a line for each drill, and the sums and medians of those that ended all ways."""
    table = Table(title=f"Each drill, by picture: {' / '.join(Way)}")
    for head in ("mode", "drill", *_COLUMNS):
        table.add_column(head, justify="left" if head in ("mode", "drill") else "right")
    for each in runs:
        cells = [_cell(each, text) for text in _COLUMNS.values()]
        table.add_row(each.mode, each.drill, *cells)
    Console(width=120).print(table)
    whole = [each for each in runs if all(each.costs.values())]
    for way in Way:
        costs = [cost for each in whole if (cost := each.costs[way])]
        if costs:
            print(f"{way}: {_sums(costs)}")


def _cell(runs: Runs, text: Callable[[Cost], str]) -> str:
    cells = [text(cost) if (cost := runs.costs.get(way)) else "-" for way in Way]
    return " / ".join(cells) if any(cells) else ""


def _sums(costs: Sequence[Cost]) -> str:
    moved = [cost.moved for cost in costs if cost.moved is not None]
    slowest = median(cost.slowest for cost in costs)
    return (
        f"{len(costs)} drills, lost {sum(cost.lost for cost in costs):,} of"
        f" {sum(cost.sent for cost in costs):,}, streams cut {sum(cost.cut for cost in costs):,};"
        f" median of the slowest answers {slowest:.0f} ms"
        + (f", of the times until all had moved {median(moved):.2f} s" if moved else "")
    )
