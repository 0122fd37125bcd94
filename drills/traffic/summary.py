"""The ledger for people in a terminal, and for programs as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from drills.traffic.figures import Part
from drills.traffic.incidents import Incident
from drills.traffic.ledger import Ledger
from drills.traffic.returning import in_words
from drills.traffic.streams import Streams
from drills.traffic.view import LOST, clock, figures, milliseconds

#: The moments of an incident in the order in which they should come, and their names.
MOMENTS = (
    ("first_effect", "first effect"),
    ("ejected", "ejected"),
    ("first_other", "first answer from another cluster"),
    ("all_moved", "all moved"),
    ("mended", "mended"),
    ("failed_back", "failed back"),
    ("settled", "former share again"),
)


def as_json(ledger: Ledger) -> dict[str, Any]:
    """Return the whole ledger as JSON's types; times are seconds (since the epoch)."""
    result = dataclasses.asdict(ledger)
    result["met"] = ledger.met
    groups = ("lanes", "beside", "clusters", "kinds", "protocols", "connections")
    for name in groups:
        for key, part in getattr(ledger, name).items():
            result[name][key] |= _derived(part)
    for name in ("total", "promised"):
        result[name] |= _derived(getattr(ledger, name))
    return result


def _derived(part: Part) -> dict[str, Any]:
    gap = part.longest_gap
    return {"answered": part.answered, "longest_gap_seconds": gap.seconds if gap else None}


def rows(ledger: Ledger) -> dict[str, Part]:
    """Return the parts of a ledger in the order of its table, by their names in it."""
    result = {"all requests": ledger.total, "covered by objectives": ledger.promised}
    beside = {f"{name}{COMPARED}": part for name, part in ledger.beside.items()}
    groups: list[tuple[str, Mapping[str, Part]]] = [
        ("lane", ledger.lanes),
        ("", beside),
        ("by", ledger.clusters),
        ("", ledger.kinds),
        ("", ledger.protocols),
        ("connection", ledger.connections),
    ]
    for group, parts in groups:
        result |= {f"{group} {name}".strip(): part for name, part in parts.items()}
    return result


def comparisons(ledger: Ledger) -> list[str]:
    """Return a sentence for each lane that is there to compare: what the same time cost it."""
    return [
        f"Beside it, not counted: {name} lost {part.lost:,} of {part.sent:,};"
        f" longest gap {milliseconds(part.gap_seconds)} ms."
        for name, part in ledger.beside.items()
    ]


STREAM_HEADS = (
    "streams",
    "cut",
    "ended",
    "messages",
    "lost",
    "repeated",
    "out of order",
    "longest silence ms",
    "back ms",
    "not back",
)
"""Heads of the columns that `stream_cells` gives."""


def losses(ledger: Ledger) -> list[str]:
    """Return the sentence on what the lost requests got instead of a good answer, if any was."""
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in ledger.total.failures.items())
    return [f"Lost by kind: {kinds}."] if kinds else []


def stream_cells(streams: Streams) -> list[str]:
    """Return the figures of one kind of stream, in the order of STREAM_HEADS."""
    counts = (streams.streams, streams.cut, streams.ended, streams.messages)
    wrong = (streams.lost, streams.repeated, streams.disordered)
    times = (milliseconds(streams.silence), milliseconds(streams.back))
    return [*(f"{count:,}" for count in (*counts, *wrong)), *times, f"{streams.away:,}"]


def _streams(ledger: Ledger) -> list[RenderableType]:
    """Return the table of the streams, if there were any."""
    if not ledger.streams:
        return []
    heads = ("cut", "end", "got", "lost", "twice", "order", "silence", "back", "away")
    grid = figures("Streams", "", *heads)
    for kind, streams in ledger.streams.items():
        grid.add_row(kind, *stream_cells(streams)[1:])
    return [grid]


def after(moment: float | None, start: float) -> str:
    """Return a moment as seconds from the start of the run."""
    return "" if moment is None else f"{moment - start:.3f} s"


def cells(part: Part, start: float) -> list[str]:
    """Return a part's figures, in the order of HEADS."""
    gap = part.longest_gap
    latencies = (part.latency.p50, part.latency.p99, part.latency.max)
    return [
        f"{part.sent:,}",
        f"{part.lost:,}",
        f"{part.slow:,}",
        "not read" if part.duplicated is None else f"{part.duplicated:,}",
        f"{part.wrong_side:,}",
        *(milliseconds(value) if part.answered else "" for value in latencies),
        milliseconds(gap.seconds) if gap else "",
        after(part.first_failure, start),
        after(part.last_failure, start),
    ]


#: Heads of the columns that `cells` gives.
HEADS = (
    "sent",
    "lost",
    "slow",
    "duplicated",
    "wrong side",
    "p50 ms",
    "p99 ms",
    "max ms",
    "longest gap ms",
    "first failure",
    "last failure",
)

#: What follows the name of a lane, in the table, that is there to compare.
COMPARED = " (for comparison, not counted)"

_SHORT_HEADS = ("sent", "lost", "slow", "twice", "wrong", "p50", "p99", "max", "gap")


def of_duplicates(ledger: Ledger) -> str:
    """Return what is to be said of the count of duplicates; empty if it is complete."""
    if ledger.logged is None:
        return "Duplicates are not known: no log of executions was read."
    if ledger.logged < ledger.total.answered:
        share = f"{ledger.logged:,} of {ledger.total.answered:,}"
        return f"The logs of executions hold {share} answers: there may be more duplicates."
    return ""


def moments(incident: Incident) -> list[tuple[str, str]]:
    """Return the moments of an incident that happened: name, and seconds after what they follow."""
    result = []
    for field, name in MOMENTS:
        moment = getattr(incident, field)
        if moment is None:
            continue
        if field in ("failed_back", "settled"):
            result.append((name, f"{incident.seconds_after_fix(moment):.3f} s after the fix"))
        else:
            result.append((name, f"{incident.seconds_to(moment):.3f} s"))
    return result


def table(ledger: Ledger) -> RenderableType:
    """Return the ledger for a terminal of 80 columns."""
    grid = figures("Ledger", "", *_SHORT_HEADS)
    for name, part in rows(ledger).items():
        style = "bold" if part is ledger.total else ""
        shown = cells(part, ledger.started)[: len(_SHORT_HEADS)]
        if part.duplicated is None:
            shown[HEADS.index("duplicated")] = "?"
        values = [Text(value, style) for value in shown]
        if part.lost:
            values[HEADS.index("lost")].stylize(f"bold {LOST}")
        # the line below says the rest; 80 columns have no room for it
        grid.add_row(Text(name.removesuffix(COMPARED), style), *values)
    return Group(grid, *_streams(ledger), *[Text(line, style) for line, style in _remarks(ledger)])


def _remarks(ledger: Ledger) -> list[tuple[str, str]]:
    """Return the lines below the table, each with its style."""
    total = ledger.total
    lines = [(text, LOST) for text in losses(ledger)]
    if total.lost:
        first, last = total.first_failure or 0.0, total.last_failure or 0.0
        lines.append((f"First failure {clock(first)}, last {last - first:.2f} s later.", LOST))
    lines += [(text, "") for text in comparisons(ledger)]
    for incident in ledger.incidents:
        steps = "; ".join(f"{name} {when}" for name, when in moments(incident))
        lines.append((f"{clock(incident.fault)} {incident.label}: {steps or 'no effect'}", ""))
        if incident.returned:
            lines.append((in_words(incident.returned, incident.cluster), ""))
    worst, usual = milliseconds(ledger.lateness.max), milliseconds(ledger.lateness.p99)
    text = "Times in ms, from when a request was due."
    lines.append((f"{text} Sent at most {worst} ms late (p99 {usual} ms).", "bright_black"))
    if text := of_duplicates(ledger):
        lines.append((text, "bright_black"))
    return lines
