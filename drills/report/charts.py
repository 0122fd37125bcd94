"""Charts over time, as SVG: who answered, how fast, on which lanes; faults and switches marked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from components.cluster_info import cluster_colours
from drills.report.markup import e
from drills.report.series import LOST, Series
from drills.traffic.model import Event, EventKind

WIDTH = 1200
_LEFT, _RIGHT = 88, 24
_LABELS = 3  # rows of labels above the charts
_ROW = 20
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


def colours(run: Series) -> dict[str, str]:
    """Gives the colour of each cluster that answered, and of requests that were lost."""
    return {**cluster_colours(run.answering), LOST: RED}


@dataclass(frozen=True)
class Axis:
    """Seconds of a run on the width of a chart."""

    seconds: float

    def x(self, seconds: float) -> float:
        """Gives the place of a moment, within the chart."""
        share = min(1.0, max(0.0, seconds / self.seconds))
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)

    def ticks(self) -> list[float]:
        """Gives about ten round moments."""
        step = next((t for t in _TICKS if self.seconds / t <= 12), self.seconds / 10)
        return [n * step for n in range(int(self.seconds / step + 1e-9) + 1)]


def requests(run: Series, events: Sequence[Event]) -> Element:
    """Gives the requests a second by answering cluster, stacked; those lost on top, in red."""
    height = 260
    axis = Axis(run.seconds)
    most = max((one.sent for one in run.bins), default=1) / run.width or 1
    top = _round_up(most)

    def y(value: float) -> float:
        return round(height - value / top * height, 1)

    body = [*_horizontal([top / 2, top], y, lambda value: f"{value:g}/s")]
    below, hues = [0.0] * len(run.bins), colours(run)
    for name in [*run.clusters, LOST]:
        counts = [one.clusters.get(name, 0) / run.width for one in run.bins]
        above = [a + b for a, b in zip(below, counts, strict=True)]
        if any(counts):
            body.append(e("path", d=_band(run, axis, below, above, y), fill=hues[name]))
        below = above
    body += [_hint(run, axis, index, height) for index in range(len(run.bins))]
    return _chart("Requests by answering cluster", body, height, axis, run, events, labels=True)


def latency(run: Series, events: Sequence[Event], slow: float) -> Element:
    """Gives median, 99th percentile and slowest answer, on a logarithmic scale."""
    height = 200
    axis = Axis(run.seconds)
    highest = max([slow * 2, *(one.latency.max for one in run.bins)])
    low, high = -3.0, math.ceil(math.log10(highest) * 2) / 2

    def y(seconds: float) -> float:
        share = (math.log10(max(seconds, 1e-3)) - low) / (high - low)
        return round(height - min(1.0, share) * height, 1)

    marks = [m for m in (0.001, 0.01, 0.1, 1.0, 10.0) if m <= 10**high]
    body = [*_horizontal(marks, y, lambda value: f"{value * 1000:,.0f} ms")]
    answered = [one.latency for one in run.bins]
    medians = [one.p50 for one in answered]
    body.append(
        e("path", d=_band(run, axis, medians, [one.p99 for one in answered], y), fill="#bae6fd")
    )
    for values, stroke, width in (
        (medians, "#0369a1", 2.0),
        ([one.max for one in answered], INK, 1.2),
    ):
        body.append(
            e(
                "path",
                d=_steps(run, axis, values, y),
                fill="none",
                stroke=stroke,
                stroke_width=width,
            )
        )
    body.append(e("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y(slow), y2=y(slow), class_="objective"))
    body.append(
        e("text", f"objective {slow * 1000:.0f} ms", x=WIDTH - _RIGHT - 4, y=y(slow) - 5,
          text_anchor="end", fill=RED)
    )  # fmt: skip
    return _chart("Latency", body, height, axis, run, events)


def lanes(run: Series, events: Sequence[Event]) -> Element:
    """Gives a strip per lane and protocol, in the colours of who answered; lost ones in red."""
    return _strips("Lanes", run.lanes, run, events)


def beside(run: Series, events: Sequence[Event]) -> Element:
    """Gives a strip per lane that is there only to compare, on the same axis, likewise."""
    return _strips("To compare", run.beside, run, events)


def _strips(
    title: str,
    lanes: Mapping[str, Sequence[Mapping[str, int]]],
    run: Series,
    events: Sequence[Event],
) -> Element:
    axis, hues = Axis(run.seconds), colours(run)
    body = []
    for row, (name, counts) in enumerate(lanes.items()):
        y = row * (_ROW + 6)
        body.append(e("text", name, x=_LEFT - 8, y=y + 15, text_anchor="end"))
        body += _strip(run, axis, counts, y, hues)
    return _chart(title, body, len(lanes) * (_ROW + 6), axis, run, events)


def _strip(
    run: Series,
    axis: Axis,
    counts: Sequence[Mapping[str, int]],
    y: float,
    hues: Mapping[str, str],
) -> list[Element]:
    made = []
    for index, bin_counts in enumerate(counts):
        total = sum(bin_counts.values())
        if not total:
            continue
        begin, end = axis.x(index * run.width), axis.x((index + 1) * run.width)
        at = float(y)
        names = sorted(bin_counts, key=lambda name: (name != LOST, name))
        for name in names:
            # one lost request among many is to be seen as well
            share = bin_counts[name] / total
            part = _ROW * (max(share, 0.25) if name == LOST else share)
            part = min(part, y + _ROW - at)
            size = {"width": round(end - begin + 0.3, 1), "height": round(part, 1)}
            made.append(e("rect", x=begin, y=round(at, 1), fill=hues[name], **size))
            at += part
    return made


def _chart(
    title: str,
    body: Sequence[Element],
    height: float,
    axis: Axis,
    run: Series,
    events: Sequence[Event],
    *,
    labels: bool = False,
) -> Element:
    head = _LABELS * _ROW + 6 if labels else 8
    shown = [event for event in events if event.kind in EVENT_COLOURS]
    inner = e(
        "g",
        _under_fault(axis, run, events, height),
        list(body),
        e("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=height, y2=height, stroke=SOFT),
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
    """Shades the time between each fault and its fix."""
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
    """Gives a line per event and, above the chart, its name in the first row with room for it."""
    ends = [0.0] * _LABELS
    made = []
    for event in sorted(events, key=lambda event: event.at):
        x = axis.x(event.at - run.start)
        hue = EVENT_COLOURS[event.kind]
        row = next((n for n, end in enumerate(ends) if end <= x), None)
        top = 0.0 if not labels or row is None else -float((_LABELS - row) * _ROW)
        made.append(e("line", x1=x, x2=x, y1=top, y2=height, stroke=hue, class_="mark"))
        if not labels or row is None:
            continue
        text = mark_text(event)
        size = len(text) * 8.8  # of the larger type on paper
        fits = x + size + 6 < WIDTH
        ends[row] = x + size + 14 if fits else WIDTH
        made.append(
            e(
                "text",
                text,
                x=x + 5 if fits else x - 5,
                y=top + 13,
                fill=hue,
                font_weight="600",
                text_anchor="start" if fits else "end",
            )
        )
    return made


def mark_text(event: Event) -> str:
    """Gives an event as its mark on the time axis says it."""
    words = {EventKind.FAULT: "", EventKind.FIX: "mended: ", EventKind.SWITCH: "switch: "}
    where = f" {event.cluster}" if event.cluster else ""
    return f"{words.get(event.kind, '')}{event.name}{where}"


def _horizontal(
    values: Sequence[float], y: Callable[[float], float], text: Callable[[float], str]
) -> list[Element]:
    return [
        e(
            "g",
            e("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y(value), y2=y(value), stroke=LINE),
            e("text", text(value), x=_LEFT - 8, y=y(value) + 5, text_anchor="end"),
        )
        for value in values
    ]


def _band(
    run: Series,
    axis: Axis,
    lower: Sequence[float],
    upper: Sequence[float],
    y: Callable[[float], float],
) -> str:
    there = _points(run, axis, upper, y)
    back = _points(run, axis, lower, y)[::-1]
    return "M" + "L".join(f"{a:g} {b:g}" for a, b in [*there, *back]) + "Z"


def _steps(run: Series, axis: Axis, values: Sequence[float], y: Callable[[float], float]) -> str:
    return "M" + "L".join(f"{a:g} {b:g}" for a, b in _points(run, axis, values, y))


def _points(
    run: Series, axis: Axis, values: Sequence[float], y: Callable[[float], float]
) -> list[tuple[float, float]]:
    points = []
    for index, value in enumerate(values):
        points.append((axis.x(index * run.width), y(value)))
        points.append((axis.x((index + 1) * run.width), y(value)))
    return points


def _hint(run: Series, axis: Axis, index: int, height: float) -> Element:
    """Gives the figures of one bin, shown where the pointer rests."""
    one = run.bins[index]
    begin, end = axis.x(index * run.width), axis.x((index + 1) * run.width)
    who = ", ".join(f"{name or 'unnamed'} {count}" for name, count in sorted(one.clusters.items()))
    slowest = f"slowest {one.latency.max * 1000:.0f} ms"
    text = f"{index * run.width:g} s: {who or 'nothing'}; {slowest}"
    return e(
        "rect", e("title", text), x=begin, y=0, width=round(end - begin, 1), height=height,
        fill="transparent",
    )  # fmt: skip


def _round_up(value: float) -> float:
    power = 10 ** math.floor(math.log10(value))
    return next(n * power for n in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if n * power >= value)
