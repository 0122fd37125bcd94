"""How often each request was executed, as logs say. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from drills.traffic.model import Execution, Sample


class Executed:
    """Counts of executions, by request."""

    def __init__(
        self, executions: Iterable[Execution], counts: Callable[[Execution], bool]
    ) -> None:
        """`counts` says of an execution whether it is one of what was asked."""
        found = list(executions)
        self._counted = Counter(each.id for each in found if counts(each))
        self._answered = Counter(each.id for each in found if each.status)

    def times(self, sample: Sample) -> int:
        """Return the executions of a request; a status that it calls good is that of one."""
        return (self._answered if sample.good else self._counted)[sample.id]
