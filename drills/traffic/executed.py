"""How often each request was executed, as logs say. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from drills.traffic.model import Execution, Sample


def done(status: int) -> bool:
    """Check whether the application did what was asked, rather than refuse it or be left."""
    return 200 <= status < 400


def begun(status: int) -> bool:
    """Check whether a pod worked for it: what was asked was done, or nobody awaited the answer."""
    return done(status) or not status


class Executed:
    """The statuses that logs have of each request: little memory for each, for a run of hours."""

    def __init__(self, executions: Iterable[Execution]) -> None:
        self._statuses: dict[str, tuple[int, ...]] = {}
        shared: dict[tuple[int, ...], tuple[int, ...]] = {}
        for each in executions:
            statuses = (*self._statuses.get(each.id, ()), each.status)
            self._statuses[each.id] = shared.setdefault(statuses, statuses)

    def times(self, sample: Sample, counts: Callable[[int], bool]) -> int:
        """Return the executions of a request; a status that was named as good is that of one.

        `counts` says of any other status whether it is one of what was asked.
        """
        named = sample.status if sample.good else None
        statuses = self._statuses.get(sample.id, ())
        return sum(status == named or counts(status) for status in statuses)
