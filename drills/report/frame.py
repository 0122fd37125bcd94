"""The frame of a chart over time: its axis, its scale, and the marks of faults and switches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from drills.report.markup import e
from drills.report.series import Series
from drills.traffic.model import Event, EventKind

WIDTH = 1200
LEFT, RIGHT = 128, 24
_LABELS = 3  # rows of labels above the charts
ROW = 20
RED = "#dc2626"
INK, SOFT, LINE = "#0f172a", "#475569", "#cbd5e1"
EVENT_COLOURS = {
    EventKind.FAULT: RED,
    EventKind.FIX: "#15803d",
    EventKind.SWITCH: "#7c3aed",
    EventKind.OBSERVED: "#b45309",
}
"""Colours of the events that are marked; the others are in the list of events only."""
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200)


@dataclass(frozen=True)
class Axis:
    """Seconds of a run on the width of a chart."""

    seconds: float

    def x(self, seconds: float) -> float:
        """Return the position of a moment, within the chart."""
        share = min(1.0, max(0.0, seconds / self.seconds))
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def ticks(self) -> list[float]:
        """Return about ten round moments."""
        step = next((t for t in _TICKS if self.seconds / t <= 12), self.seconds / 10)
        return [n * step for n in range(int(self.seconds / step + 1e-9) + 1)]


def chart(
    title: str,
    body: Sequence[Element],
    height: float,
    axis: Axis,
    run: Series,
    events: Sequence[Event],
    *,
    labels: bool = False,
) -> Element:
    """Return a drawing on the time axis; with `labels`, room above it for the events' names."""
    head = _LABELS * ROW + 6 if labels else 8
    shown = [event for event in events if event.kind in EVENT_COLOURS]
    inner = e(
        "g",
        _under_fault(axis, run, events, height),
        list(body),
        e("line", x1=LEFT, x2=WIDTH - RIGHT, y1=height, y2=height, stroke=SOFT),
        [_tick(axis, at, height) for at in axis.ticks()],
        _marks(axis, run, shown, height, labels),
        transform=f"translate(0 {head})",
    )
    total = head + height + 26
    return e("svg", e("title", title), inner, viewBox=f"0 0 {WIDTH} {total:g}", role="img")


def _tick(axis: Axis, at: float, height: float) -> Element:
    x = axis.x(at)
    return e(
        "g",
        e("line", x1=x, x2=x, y1=height, y2=height + 5, stroke=SOFT),
        e("text", f"{at:g} s", x=x, y=height + 20, text_anchor="middle"),
    )


def _under_fault(axis: Axis, run: Series, events: Sequence[Event], height: float) -> list[Element]:
    """Shade the time between each fault and its fix."""
    shaded = []
    for fault in (event for event in events if event.kind is EventKind.FAULT):
        ends = [
            event.at
            for event in events
            if event.kind is EventKind.FIX
            and event.at >= fault.at
            and (event.name, event.cluster) == (fault.name, fault.cluster)
        ]
        begin = axis.x(fault.at - run.start)
        width = axis.x(min(ends, default=run.start + run.seconds) - run.start) - begin
        shaded.append(e("rect", x=begin, y=0, width=width, height=height, fill="#fef2f2"))
    return shaded


def _marks(
    axis: Axis, run: Series, events: Sequence[Event], height: float, labels: bool
) -> list[Element]:
    """Return a line per event and, above the chart, its name in the first row with room for it."""
    ends = [0.0] * _LABELS
    lines, texts = [], []
    for event in sorted(events, key=lambda event: event.at):
        x = axis.x(event.at - run.start)
        hue = EVENT_COLOURS[event.kind]
        text = mark_text(event)
        size = len(text) * 8.8  # of the larger type on paper
        fits = x + size + 6 < WIDTH
        left = x if fits else x - size
        row = next((n for n, end in enumerate(ends) if end <= left), None)
        top = 0.0 if not labels or row is None else -float((_LABELS - row) * ROW)
        lines.append(e("line", x1=x, x2=x, y1=top, y2=height, stroke=hue, class_="mark"))
        if not labels or row is None:
            continue
        ends[row] = x + size + 14 if fits else WIDTH
        texts.append(
            e(
                "text",
                text,
                x=x + 5 if fits else x - 5,
                y=top + 13,
                fill=hue,
                class_="name",
                font_weight="600",
                text_anchor="start" if fits else "end",
            )
        )
    return lines + texts


def mark_text(event: Event) -> str:
    """Return an event as its mark on the time axis says it."""
    words = {EventKind.FAULT: "", EventKind.FIX: "mending: ", EventKind.SWITCH: "switch: "}
    where = f" {event.cluster}" if event.cluster else ""
    return f"{words.get(event.kind, '')}{event.name}{where}"


def horizontal(
    values: Sequence[float], y: Callable[[float], float], text: Callable[[float], str]
) -> list[Element]:
    """Return a line across the chart for each value, with its text at the left."""
    return [
        e(
            "g",
            e("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y(value), y2=y(value), stroke=LINE),
            e("text", text(value), x=LEFT - 8, y=y(value) + 5, text_anchor="end"),
        )
        for value in values
    ]
