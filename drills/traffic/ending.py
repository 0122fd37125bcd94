"""Whether a drill came to its end, as its record says."""

from __future__ import annotations

from collections.abc import Iterable

from drills.traffic.model import Event, EventKind, Header

CUT = "cut short"
"""Name of the note that says why a drill did not come to its end."""

FAILBACK = "failback"
"""Name of the phase of a drill after its fix."""


def cut_short(header: Header, events: Iterable[Event]) -> str:
    """Return where a drill ended before its time, and why; empty if it came to its end.

    One that was killed has no note, and no failback either. Other traffic hears of drills, and has
    no end of its own that it could miss.
    """
    if not header.fault:
        return ""
    phases, name, why = set(), "", ""
    for event in events:
        match event.kind:
            case EventKind.PHASE:
                phases.add(event.name)
            case EventKind.FAULT:
                name = event.name
            case EventKind.NOTE if event.name == CUT:
                why = event.text
    if FAILBACK in phases:
        return f"in the failback, {why}" if why else ""
    where = f"while {name} was in force" if name else "in the baseline"
    return f"{where}, {why or 'killed'}"
