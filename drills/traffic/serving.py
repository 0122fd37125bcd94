"""Which clusters may answer, and when: from the start and from events."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence

from drills.traffic.model import Event, EventKind, Sample

_Sides = frozenset[str] | None  # None: any


class Serving:
    """The clusters that may answer at each moment, as the header and the events say.

    A fix that does not say who serves allows again those who did before its fault, beside those
    who serve since: how long failing back takes is not for the fix to know.
    """

    def __init__(self, at_start: Iterable[str] | None, events: Sequence[Event]) -> None:
        """`at_start`: the clusters that alone may answer before the first event; None: any."""
        self._first: _Sides = None if at_start is None else frozenset(at_start)
        self._points: list[float] = []
        self._allowed: list[_Sides] = []
        changes = _changes(self._first, sorted(events, key=lambda event: event.at))
        current = self._first
        for number, (at, within, after) in enumerate(changes):
            self._append(at, _both(current, after))
            following = changes[number + 1][0] if number + 1 < len(changes) else None
            if following is None or at + within < following:
                self._append(at + within, after)
            current = after

    def _append(self, at: float, allowed: _Sides) -> None:
        self._points.append(at)
        self._allowed.append(allowed)

    def allowed(self, at: float) -> _Sides:
        """Return the clusters that may answer at that moment; None: any."""
        index = bisect.bisect_right(self._points, at) - 1
        return self._first if index < 0 else self._allowed[index]

    def wrong(self, sample: Sample) -> bool:
        """Check whether a good answer came from a cluster that might not answer at the time."""
        if not self._points and self._first is None:
            return False
        if sample.failure is not None or not sample.cluster:
            return False
        for at in (sample.due, sample.ended):
            allowed = self.allowed(at)
            if allowed is None or sample.cluster in allowed:
                return False
        return True


def _changes(first: _Sides, events: Sequence[Event]) -> list[tuple[float, float, _Sides]]:
    """Return when who serves changes, the time of grace, and who serves after it."""
    found: list[tuple[float, float, _Sides]] = []
    current = first
    before: dict[tuple[str, str], _Sides] = {}
    for event in events:
        name = (event.name, event.cluster)
        if event.serving is not None:
            after: _Sides = frozenset(event.serving)
            if event.kind is EventKind.FAULT:
                before[name] = current
        elif event.kind is EventKind.FIX and name in before:
            after = _both(before.pop(name), current)
        else:
            continue
        found.append((event.at, event.within, after))
        current = after
    return found


def _both(one: _Sides, other: _Sides) -> _Sides:
    return None if one is None or other is None else one | other
