"""What was promised to clients beside what was measured. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from drills.traffic.figures import Part
from drills.traffic.incidents import FIRST_SECONDS, UNLOGGED, Incident
from drills.traffic.model import Objectives
from drills.traffic.streams import Streams

SLOWEST = "slowest answer"
"""Name of the check of the time that an answer may take."""

_MOST_DIGITS = 9
"""Nanoseconds: no clock here tells more."""


@dataclass(frozen=True)
class Check:
    """One objective and what was measured."""

    name: str
    promised: str
    measured: str
    met: bool


def not_measured(check: Check, why: str = "") -> Check:
    """Return the check of a promise that nothing could have kept or broken: it is not met."""
    return replace(check, measured=f"not measured{why and f': {why}'}", met=False)


def checks(
    part: Part,
    found: Sequence[Incident],
    objectives: Objectives,
    kinds: Mapping[str, Streams] | None = None,
) -> list[Check]:
    """Return what was promised beside what was measured, objective by objective."""
    slowest = part.latency.max
    result = []
    if (lost := objectives.lost) is not None:
        check = Check("lost", f"{lost}", f"{part.lost}", part.lost <= lost)
        result.append(check if part.sent else not_measured(check))
    check = Check(
        SLOWEST,
        f"{objectives.slowest * 1000:.0f} ms",
        f"{at_most(slowest * 1000, objectives.slowest * 1000, 0)} ms",
        slowest <= objectives.slowest,
    )
    side = Check("wrong side", "0", f"{part.wrong_side}", part.wrong_side == 0)
    result += [each if part.answered else not_measured(each) for each in (check, side)]
    if objectives.gap is not None:
        gap = part.gap_seconds
        promised = f"{objectives.gap * 1000:.0f} ms"
        measured = f"{at_most(gap * 1000, objectives.gap * 1000, 0)} ms"
        check = Check("longest gap", promised, measured, gap <= objectives.gap)
        result.append(check if part.sent else not_measured(check))
    if objectives.moved is not None:
        for incident in found:
            if not incident.should_move:
                continue
            took = incident.seconds_to(incident.all_moved)
            measured = "not moved" if took is None else f"{at_most(took, objectives.moved, 2)} s"
            met = took is not None and took <= objectives.moved
            name = f"all moved, {incident.label}"
            check = Check(name, f"{objectives.moved:g} s", measured, met)
            result.append(check if part.sent else not_measured(check))
    for incident in found:
        result += _of_overload(incident, objectives)
        result += _of_executions(incident, objectives)
    if objectives.herd is not None:
        for incident in found:
            if incident.returned:
                herd = incident.returned.herd
                name = f"first second of the return, {incident.label}"
                promised = f"{objectives.herd:.0%} of its rate"
                measured = f"{at_most(herd * 100, objectives.herd * 100, 0)}%"
                result.append(Check(name, promised, measured, herd <= objectives.herd))
    for kind, streams in (kinds or {}).items():
        result += _of_streams(kind, streams, objectives)
    return result


def at_most(value: float, limit: float, digits: int) -> str:
    """Return a figure with so many digits, or with as many more as show that it is above `limit`.

    "100 ms, promised 100 ms" beside "missed" would look like an error of the report.
    """
    while value > limit and float(f"{value:.{digits}f}") <= limit and digits < _MOST_DIGITS:
        digits += 1
    return f"{value:.{digits}f}"


def _of_overload(incident: Incident, objectives: Objectives) -> list[Check]:
    """Give the promises about answers while a fault is in force, and about the time after it."""
    result = []
    if (least := objectives.goodput) is not None:
        rate = incident.goodput or 0.0
        promised = f"at least {least:g} answers/s"
        measured = f"{at_most(-rate, -least, 1).removeprefix('-')} answers/s"
        check = Check("goodput", promised, measured, rate >= least)
        is_known = incident.goodput is not None
        result.append(check if is_known else not_measured(check, "it was held too short"))
    if (most := objectives.recovered) is not None:
        took = incident.seconds_after_fix(incident.recovered)
        measured = "not mended" if took is None else f"{at_most(took, most, 2)} s"
        met = took is not None and took <= most
        result.append(Check("nothing lost any more", f"{most:g} s", measured, met))
    return result


def _of_executions(incident: Incident, objectives: Objectives) -> list[Check]:
    """Give the promises about executions, where they are known."""
    if objectives.executions is None:
        return []
    first = f"{FIRST_SECONDS:g} s"
    parts = (f"first {first}", f"after {first}")
    result = []
    every = zip(parts, objectives.executions, incident.executions, strict=True)
    for part, most, found in every:
        name = f"executions per request, {part}, {incident.label}"
        if found is None:
            continue
        check = Check(name, f"{most:g}", at_most(found, most, 2), found <= most)
        result.append(not_measured(check, "no log has them") if found == UNLOGGED else check)
    return result


def _of_streams(kind: str, streams: Streams, objectives: Objectives) -> list[Check]:
    """Give the promises about streams of a kind: messages always, the others where promised."""
    wrong = streams.lost + streams.repeated + streams.disordered
    what = f"{kind}: messages lost, repeated or out of order"
    check = Check(what, "0", f"{wrong}", wrong == 0)
    result = [check if streams.messages else not_measured(check, "no message came")]
    if (cut := objectives.cut) is not None:
        result.append(Check(f"{kind}: cut", f"{cut}", f"{streams.cut}", streams.cut <= cut))
    if (back := objectives.back) is not None:
        met = streams.back <= back and not streams.away
        measured = f"{at_most(streams.back, back, 2)} s" + (
            f", {streams.away} not" if streams.away else ""
        )
        result.append(Check(f"{kind}: back", f"{back:g} s", measured, met))
    return result
