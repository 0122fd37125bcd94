"""Records of runs to report on, and what is on a report's page."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from drills.traffic import (
    ErrorKind,
    Event,
    EventKind,
    Header,
    Objectives,
    Sample,
    TrafficPlan,
    record,
)
from tests.support.drill_stack import EAST, WEST

T0 = 1_000_000.0
HOSTILE = "<script>alert('x')</script> & \"quotes\""


def sample(
    n: int, cluster: str, lane: str = "kept", error: ErrorKind | None = None, method: str = "GET"
) -> Sample:
    return Sample(
        id=f"r-{n}",
        due=T0 + n / 100,
        started=T0 + n / 100,
        duration=0.004 + n % 10 / 1000,
        lane=lane,
        method=method,
        protocol="h1" if n % 2 else "h2",
        status=None if error else 200,
        error=error,
        cluster="" if error else cluster,
    )


def write(
    folder: Path, *, lost: int = 0, seconds: int = 20, title: str = "gone", method: str = "GET"
) -> Path:
    """Writes the record of a run in which east is left at second 10, and `lost` are lost then."""
    plan = TrafficPlan.to("https://localhost/", rate=100)
    header = Header(
        run=folder.name,
        started=T0,
        title=title,
        stack="west",
        config_digest="abc123",
        plan=plan,
        objectives=Objectives(slowest=0.1, moved=1.0),
        environment={"kubernetes": "v1"},
    )
    with record.Writer(folder / record.FILE, header) as writer:
        writer.write(Event(T0, EventKind.NOTE, "expected", text="all moves to west"))
        writer.write(Event(T0 + 10, EventKind.FAULT, "gone", EAST, HOSTILE, (WEST,), 1.0))
        writer.write(Event(T0 + 15, EventKind.FIX, "gone", EAST))
        for n in range(seconds * 100):
            failed = ErrorKind.TIMEOUT if 1000 <= n < 1000 + lost else None
            side = WEST if n % 3 or 1020 <= n < 1600 else EAST
            how = method if failed else "GET"
            writer.write(sample(n, side, "new" if n % 4 > 1 else "kept", failed, how))
    return folder


class Page(HTMLParser):
    """What is on a page: its tags, and the words between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v or "" for name, v in attrs if name in ("src", "href", "xlink:href")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)
