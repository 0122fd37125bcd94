"""Charts over time, as SVG: who answered, how fast, on which lanes; faults and switches marked."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from xml.etree.ElementTree import Element

from drills.report.frame import INK, LEFT, RED, RIGHT, ROW, WIDTH, Axis, chart, horizontal
from drills.report.markup import e
from drills.report.series import LOST, Series
from drills.traffic.figures import Latency
from drills.traffic.model import Event
from foundation.colours import cluster_colours

_LANE = 12
"""Most signs of a lane's name beside its strip: those that fit in the larger type on paper."""


def colours(run: Series) -> dict[str, str]:
    """Return the colour of each cluster that answered, and of requests that were lost."""
    return {**cluster_colours(run.answering), LOST: RED}


def requests(run: Series, events: Sequence[Event]) -> Element:
    """Return the requests a second by answering cluster, stacked; those lost on top, in red."""
    height = 260
    axis = Axis(run.seconds)
    most = max((one.sent for one in run.bins), default=1) / run.width or 1
    top = _round_up(most)

    def y(value: float) -> float:
        return round(height - value / top * height, 1)

    body = [*horizontal([top / 2, top], y, lambda value: f"{value:g}/s")]
    below, hues = [0.0] * len(run.bins), colours(run)
    for name in [*run.clusters, LOST]:
        counts = [one.clusters.get(name, 0) / run.width for one in run.bins]
        above = [a + b for a, b in zip(below, counts, strict=True)]
        if any(counts):
            body.append(e("path", d=_band(run, axis, below, above, y), fill=hues[name]))
        below = above
    body += [_hint(run, axis, index, height) for index in range(len(run.bins))]
    return chart("Requests by answering cluster", body, height, axis, run, events, labels=True)


def latency(run: Series, events: Sequence[Event], slow: float) -> Element:
    """Return median, 99th percentile and slowest answer, on a logarithmic scale."""
    height = 200
    axis = Axis(run.seconds)
    highest = max([slow * 2, *(one.latency.max for one in run.bins)])
    low, high = -3.0, max(-2.0, math.ceil(math.log10(highest) * 2) / 2)

    def y(seconds: float) -> float:
        share = (math.log10(max(seconds, 1e-3)) - low) / (high - low)
        return round(height - min(1.0, share) * height, 1)

    marks = [m for m in (0.001, 0.01, 0.1, 1.0, 10.0) if m <= 10**high]
    body = [*horizontal(marks, y, lambda value: f"{value * 1000:,.0f} ms")]
    for first, some in _answered(run):
        medians, highest_ = [one.p50 for one in some], [one.max for one in some]
        band = _band(run, axis, medians, [one.p99 for one in some], y, first)
        body.append(e("path", d=band, fill="#bae6fd"))
        for values, stroke, width in ((medians, "#0369a1", 2.0), (highest_, INK, 1.2)):
            line = _steps(run, axis, values, y, first)
            body.append(e("path", d=line, fill="none", stroke=stroke, stroke_width=width))
    body.append(e("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y(slow), y2=y(slow), class_="objective"))
    body.append(
        e("text", f"objective {slow * 1000:.0f} ms", x=WIDTH - RIGHT - 4, y=y(slow) - 5,
          text_anchor="end", fill=RED)
    )  # fmt: skip
    return chart("Latency", body, height, axis, run, events)


def lanes(run: Series, events: Sequence[Event]) -> Element:
    """Return a strip per lane and protocol, in the colours of who answered; lost ones in red."""
    return _strips("Lanes", run.lanes, run, events)


def beside(run: Series, events: Sequence[Event]) -> Element:
    """Return a strip per lane that is there only to compare, on the same axis, likewise."""
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
        y = row * (ROW + 6)
        words = name if len(name) <= _LANE else f"{name[: _LANE // 2 - 1]}…{name[-_LANE // 2 :]}"
        hint = e("title", name) if words != name else None
        body.append(e("text", words, hint, x=LEFT - 8, y=y + 15, text_anchor="end"))
        body += _strip(run, axis, counts, y, hues)
    return chart(title, body, len(lanes) * (ROW + 6), axis, run, events)


def _strip(
    run: Series, axis: Axis, counts: Sequence[Mapping[str, int]], y: float, hues: Mapping[str, str]
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
            part = ROW * (max(share, 0.25) if name == LOST else share)
            part = min(part, y + ROW - at)
            size = {"width": round(end - begin + 0.3, 1), "height": round(part, 1)}
            made.append(e("rect", x=begin, y=round(at, 1), fill=hues[name], **size))
            at += part
    return made


def _band(
    run: Series,
    axis: Axis,
    lower: Sequence[float],
    upper: Sequence[float],
    y: Callable[[float], float],
    first: int = 0,
) -> str:
    there = _points(run, axis, upper, y, first)
    back = _points(run, axis, lower, y, first)[::-1]
    return f"{_line([*there, *back])}Z"


def _steps(
    run: Series, axis: Axis, values: Sequence[float], y: Callable[[float], float], first: int
) -> str:
    return _line(_points(run, axis, values, y, first))


def _line(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{a:g} {b:g}" for a, b in points)


def _answered(run: Series) -> Iterator[tuple[int, list[Latency]]]:
    """Yield each stretch of bins with answers: its first bin's number, and their latencies."""
    numbered = enumerate(one.latency for one in run.bins)
    for is_answered, some in itertools.groupby(numbered, lambda each: each[1].max > 0):
        if is_answered:
            found = list(some)
            yield found[0][0], [one for _, one in found]


def _points(
    run: Series, axis: Axis, values: Sequence[float], y: Callable[[float], float], first: int
) -> list[tuple[float, float]]:
    return [
        (axis.x(edge * run.width), y(value))
        for index, value in enumerate(values, first)
        for edge in (index, index + 1)
    ]


def _hint(run: Series, axis: Axis, index: int, height: float) -> Element:
    """Return the figures of one bin, shown where the pointer rests."""
    one = run.bins[index]
    begin, end = axis.x(index * run.width), axis.x((index + 1) * run.width)
    who = ", ".join(f"{name or 'unnamed'} {count}" for name, count in sorted(one.clusters.items()))
    slowest = f"slowest {one.latency.max * 1000:.0f} ms" if one.latency.max else "no answer"
    text = f"{index * run.width:g} s: {who or 'nothing'}; {slowest}"
    return e(
        "rect", e("title", text), x=begin, y=0, width=round(end - begin, 1), height=height,
        fill="transparent",
    )  # fmt: skip


def _round_up(value: float) -> float:
    power = 10 ** math.floor(math.log10(value))
    steps = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    return float(next(n * power for n in steps if n * power >= value))
