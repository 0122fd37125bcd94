"""The live view in a terminal, and plain lines where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text

from drills.traffic.figures import Latency
from drills.traffic.model import Event, EventKind
from drills.traffic.window import Live, Second
from foundation.colours import cluster_colours

_STEPS = " ▁▂▃▄▅▆▇█"
_BAR = 40
_EVENTS_SHOWN = 6
LOST = "#dc2626"
"""Colour of requests that were lost."""
_STYLES = {
    EventKind.FAULT: "bold #dc2626",
    EventKind.FIX: "bold #16a34a",
    EventKind.SWITCH: "bold #7c3aed",
}


def clock(at: float) -> str:
    """Return the local time of day, to the second."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def milliseconds(seconds: float) -> str:
    """Return a duration in milliseconds, as exact as is of use."""
    value = seconds * 1000
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def plain_event(event: Event) -> str:
    """Return an event as a line of text."""
    where = f" {event.cluster}" if event.cluster else ""
    text = f": {event.text}" if event.text else ""
    return f"{clock(event.at)}  {event.kind.upper()} {event.name}{where}{text}"


def plain_second(second: Second) -> str:
    """Return one second as a line of text."""
    good = second.sent - second.lost
    shares = [
        f"{name or 'unnamed'} {count / good:.0%}" for name, count in sorted(second.clusters.items())
    ]
    failures = [f"{kind} {count}" for kind, count in second.failures.items()]
    lost = f"lost {second.lost}" + (f" ({', '.join(failures)})" if failures else "")
    latency = second.latency
    beside = [
        f"({lane} lost {second.beside_lost[lane]} of {sent})"
        for lane, sent in sorted(second.beside.items())
    ]
    return "  ".join(
        [
            clock(second.at),
            f"{second.sent}/s",
            *(shares or ["nobody answered"]),
            f"p50 {milliseconds(latency.p50)}",
            f"p99 {milliseconds(latency.p99)}",
            f"max {milliseconds(latency.max)} ms",
            lost,
            *beside,
        ]
    )


def live(title: str, state: Live, now: float) -> RenderableType:
    """Return the whole view at the moment `now`."""
    last = state.seconds[-1] if state.seconds else Second(int(now))
    parts: list[RenderableType] = [_clusters(state, last), _figures(state, last, now)]
    if state.events:
        parts.append(_events(list(state.events)[-_EVENTS_SHOWN:]))
    return Panel(Group(*parts), title=Text(title), title_align="left", padding=(1, 2))


def _clusters(state: Live, last: Second) -> Table:
    """Return a row per cluster: its share now, as a bar, and over the last minute."""
    table = Table.grid(Column(overflow="fold"), "", Column(no_wrap=True), padding=(0, 2))
    good = max(1, last.sent - last.lost)
    for name, colour in cluster_colours(state.clusters).items():
        share = last.clusters.get(name, 0) / good
        strip = _strip([s.clusters.get(name, 0) for s in state.seconds], _most(state))
        table.add_row(
            Text(name or "unnamed", f"bold {colour}"),
            _bar(share, colour),
            f"{share:>4.0%}",
            _drawn(strip, colour),
        )
    strip = _strip([s.lost for s in state.seconds], _most(state))
    count = Text(f"{last.lost:>4}", f"bold {LOST}" if last.lost else "bright_black")
    table.add_row(Text("lost", f"bold {LOST}"), _bar(0.0, LOST), count, _drawn(strip))
    for lane in sorted(state.uncounted):
        table.add_row(*_beside(state, last, lane))
    return table


def _beside(state: Live, last: Second, lane: str) -> tuple[RenderableType, ...]:
    """Return the row of what a lane loses that is there only to compare."""
    most = max((second.beside.get(lane, 0) for second in state.seconds), default=0) or 1
    lost = last.beside_lost.get(lane, 0)
    bar = _bar(lost / max(1, last.beside.get(lane, 0)), LOST)
    strip = _strip([second.beside_lost.get(lane, 0) for second in state.seconds], most)
    return Text(f"{lane} lost", LOST), bar, Text(f"{lost:>4}"), _drawn(strip, LOST)


@dataclass(frozen=True)
class _Fitted:
    """What is drawn anew for the width that a terminal has, up to `most`: cut off, it would lie."""

    most: int
    draw: Callable[[int], Text]

    def __rich_measure__(self, _: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(4, self.most), self.most).with_maximum(options.max_width)

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        yield self.draw(min(self.most, options.max_width))


def _bar(share: float, colour: str) -> _Fitted:
    def draw(width: int) -> Text:
        length = round(share * width)
        return Text("█" * length, colour) + Text("·" * (width - length), "bright_black")

    return _Fitted(_BAR, draw)


def _drawn(strip: str, colour: str = "") -> _Fitted:
    """Return a strip of seconds; where there is no room for all, the last ones."""
    return _Fitted(len(strip), lambda width: Text(strip[-width:], colour))


def _strip(values: Sequence[int], most: int) -> str:
    """Return a column per second; whatever is not nothing is to be seen."""
    top = len(_STEPS) - 1
    return "".join(_STEPS[min(top, -(-value * top // most))] for value in values)


def _most(state: Live) -> int:
    return max((second.sent for second in state.seconds), default=0) or 1


def _figures(state: Live, last: Second, now: float) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bright_black")
    for head in ("", "requests", "lost", "p50 ms", "p99 ms", "max ms"):
        table.add_column(head, justify="left" if not head else "right", overflow="fold")
    table.add_row("last second", *_row(last.sent, last.lost, last.latency))
    total = state.total
    table.add_row("since start", *_row(total.sent, total.lost, state.latency), style="bold")
    for lane, tally in sorted(state.lanes.items()):
        if lane not in state.uncounted:
            table.add_row(f"  {lane}", f"{tally.sent:,}", _count(tally.lost))
    gap = total.longest_gap
    texts = [
        f"longest gap {milliseconds(total.worst(now))} ms"
        + (f" at {clock(gap.start)}" if gap and gap.seconds > total.silence(now) else ""),
        f"sent at most {milliseconds(state.lateness)} ms late",
    ]
    texts += [f"{kind} {count:,}" for kind, count in state.failures.most_common()]
    outer = Table.grid()
    outer.add_row()
    outer.add_row(table)
    outer.add_row(Text("\n" + "   ".join(texts)))
    for lane in sorted(state.uncounted):
        tally = state.lanes[lane]
        lost = f"{lane}, not counted: lost {tally.lost:,} of {tally.sent:,}"
        line = f"{lost}   longest gap {milliseconds(tally.worst(now))} ms"
        outer.add_row(Text(line, LOST if tally.lost else ""))
    return outer


def _row(sent: int, lost: int, latency: Latency) -> list[RenderableType]:
    return [
        f"{sent:,}",
        _count(lost),
        milliseconds(latency.p50),
        milliseconds(latency.p99),
        milliseconds(latency.max),
    ]


def _count(lost: int) -> Text:
    return Text(f"{lost:,}", f"bold {LOST}" if lost else "")


def _events(events: Sequence[Event]) -> Text:
    lines = [Text(plain_event(event), _STYLES.get(event.kind, "")) for event in events]
    return Text("\n").join([Text(""), *lines])


def figures(title: str, *heads: str) -> Table:
    """Return a table whose first column names its rows; the others have figures."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    for number, head in enumerate(heads):
        # a figure that is cut short would be another one
        table.add_column(head, justify="right" if number else "left", overflow="fold")
    return table
