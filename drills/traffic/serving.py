"""Which clusters may answer, and when: from the start and from events."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence

from drills.traffic.model import Event, Sample


class Serving:
    """The clusters that may answer at each moment, as the header and the events say."""

    def __init__(self, at_start: Iterable[str] | None, events: Sequence[Event]) -> None:
        """`at_start`: the clusters that alone may answer before the first event; None: any."""
        changes = sorted((e for e in events if e.serving is not None), key=lambda e: e.at)
        self._points: list[float] = []
        self._allowed: list[frozenset[str] | None] = []
        current = None if at_start is None else frozenset(at_start)
        self._first = current
        for number, event in enumerate(changes):
            assert event.serving is not None
            after = frozenset(event.serving)
            until = event.at + event.within
            self._append(event.at, None if current is None else current | after)
            following = changes[number + 1].at if number + 1 < len(changes) else None
            if following is None or until < following:
                self._append(until, after)
            current = after

    def _append(self, at: float, allowed: frozenset[str] | None) -> None:
        self._points.append(at)
        self._allowed.append(allowed)

    def allowed(self, at: float) -> frozenset[str] | None:
        """Gives the clusters that may answer at that moment; None: any."""
        index = bisect.bisect_right(self._points, at) - 1
        return self._first if index < 0 else self._allowed[index]

    def wrong(self, sample: Sample) -> bool:
        """Whether a good answer came from a cluster that might not answer while it was asked."""
        if not self._points and self._first is None:
            return False
        if sample.failure is not None or not sample.cluster:
            return False
        for at in (sample.due, sample.ended):
            allowed = self.allowed(at)
            if allowed is None or sample.cluster in allowed:
                return False
        return True
