"""What a fault led to, as pictures show it: others take over, all is moved, the share is back.

A moment comes from the proxies' counters, so it is as exact as the time between two questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drills.traffic import Event, EventKind
from drills.traffic.incidents import QUIET
from drills.traffic.returning import BACK

_MORE = 0.05
"""Part of all requests by which others must answer more to count as taking over."""

_FEW = 2.5
"""Answers a second more that are no chance where few are sent."""

_SPACINGS = 5
"""So many times the usual time between two answers are a silence."""

Shares = Mapping[str, float]


@dataclass
class _Fault:
    """A fault in force, or one that is mended and not over yet."""

    name: str
    cluster: str
    at: float
    before: Shares
    """Shares of the answers when it struck."""
    rate: float
    """Answers a second of the struck cluster then."""
    seen: set[str] = field(default_factory=set)
    fixed: float | None = None


class Moments:
    """Follows each fault from picture to picture."""

    def __init__(self) -> None:
        self._faults: list[_Fault] = []
        self._shares: Shares = {}
        self._total = 0.0

    def add(self, found: Mapping[str, Any], told: Iterable[Event]) -> list[dict[str, Any]]:
        """Return the events of this picture: what was told, and what followed from it."""
        events = []
        for event in told:
            events.append(_as_told(event))
            if event.kind is EventKind.FAULT:
                rate = self._shares.get(event.cluster, 0.0) * self._total
                new = _Fault(event.name, event.cluster, event.at, self._shares, rate)
                self._faults = [f for f in self._faults if not _is_same(f, event)] + [new]
            elif event.kind is EventKind.FIX:
                for fault in self._faults:
                    if _is_same(fault, event):
                        fault.fixed = event.at
        answers = {each["name"]: float(each["answers"]) for each in found["clusters"]}
        total = _total(found)
        if total > 0:
            self._shares = {name: rate / total for name, rate in answers.items()}
            self._total = total
            for fault in self._faults:
                events += _followed(fault, found, self._shares)
            self._faults = [fault for fault in self._faults if "back" not in fault.seen]
        return events


def _total(found: Mapping[str, Any]) -> float:
    return sum(float(each["answers"]) for each in found["clusters"])


def _is_same(fault: _Fault, event: Event) -> bool:
    return (fault.name, fault.cluster) == (event.name, event.cluster)


def _as_told(event: Event) -> dict[str, Any]:
    words = {EventKind.FAULT: "struck", EventKind.FIX: "mended"}
    what = words.get(event.kind, str(event.kind))
    where = f"{event.cluster}: " if event.cluster else ""
    text = f"{where}{what}, {event.name}" if event.kind in words else f"{where}{event.name}"
    detail = f". {event.text}" if event.text else ""
    named = {"fault": event.name} if event.kind in words else {}
    return {"at": event.at, "kind": what, "cluster": event.cluster, "text": text + detail, **named}


def _followed(fault: _Fault, found: Mapping[str, Any], shares: Shares) -> Iterable[dict[str, Any]]:
    former = fault.before.get(fault.cluster, 0.0)
    struck = next((each for each in found["clusters"] if each["name"] == fault.cluster), None)
    if struck is None or former < _MORE:
        return  # it strikes the edge, or one that answered nothing

    def moment(kind: str, at: float, text: str) -> dict[str, Any]:
        fault.seen.add(kind)
        took = at - (fault.at if fault.fixed is None else fault.fixed)
        after = f"{max(0.0, took):.1f} s after the {'fault' if fault.fixed is None else 'fix'}"
        named = {"cluster": fault.cluster, "fault": fault.name}
        return {"at": at, "kind": kind, "text": f"{text}, {after}", **named}

    now = found["at"]
    if fault.fixed is None:
        others = {name: share for name, share in shares.items() if name != fault.cluster}
        more = {n: share - fault.before.get(n, 0.0) for n, share in others.items()}
        most = max(more, key=lambda name: more[name], default="")
        known_by = _FEW / _total(found)
        if (
            "elsewhere" not in fault.seen
            and most
            and more[most] > max(_MORE, min(known_by, former / 2))
        ):
            yield moment("elsewhere", now, f"{most} answers for {fault.cluster}")
        # the edge sends there no more, or the gateways send to its pods no more: they pass on
        sides = [(max(last, fault.at), known) for last, known in struck["counted"]]
        silence = max(QUIET, _SPACINGS / fault.rate)
        quiet = [last for last, known in sides if known - last >= silence]
        if "moved" not in fault.seen and quiet:
            yield moment("moved", min(quiet), f"all moved away from {fault.cluster}")
    # or its due share, if that is less: few requests make a share that nobody is due
    elif shares.get(fault.cluster, 0.0) >= BACK * min(former, struck.get("due") or former):
        yield moment("back", now, f"{fault.cluster} has its share again")
