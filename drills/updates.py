"""Updates of a stack in other terminals, as events: who may answer changes with the settings."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from drills.action import LAST_ANSWERS
from drills.journal import Journal
from drills.stack import Stack
from drills.traffic.model import Event, EventKind
from foundation import project
from foundation.errors import UserError
from launcher import leftovers

_PERIOD = 0.2
"""Seconds between two looks at Pulumi's locks."""

_NAME = "update"


class Updates:
    """Follows a stack's updates in a thread of its own.

    They are seen by the locks of the checkout's own state. With a state somewhere else none is.
    """

    def __init__(self, stack: Stack) -> None:
        self._first = self._stack = stack
        self._found: list[Event] = []
        self._over = threading.Event()

    def new(self) -> list[Event]:
        """Return the events that came since the last call."""
        found, self._found = self._found, []
        return found

    @property
    def switched(self) -> Stack | None:
        """The stack as it is since an update that changed who is to answer; None without any."""
        now = self._stack
        same = (now.weights, now.order) == (self._first.weights, self._first.order)
        return None if same else now

    @contextlib.contextmanager
    def followed(self) -> Iterator[None]:
        """Follow them for the block."""
        thread = threading.Thread(target=self._follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()

    def _follow(self) -> None:
        busy = False
        while not self._over.wait(_PERIOD):
            before, busy = busy, bool(leftovers.updating(project.state_folder(), self._stack.name))
            if busy and not before:
                self._tell("An update has begun.", self._stack.application_clusters)
            elif before and not busy:
                self._ended()

    def _ended(self) -> None:
        with contextlib.suppress(UserError):  # it was taken down
            self._stack = Stack.selected(self._stack.name, self._stack.elsewhere)
            broken = Journal(self._stack.folder).entries()  # then others may have to answer
            known = None if broken else self._stack.serving
            text = f"The update has ended: mode {self._stack.mode}."
            self._tell(text, known or self._stack.application_clusters, LAST_ANSWERS)

    def _tell(self, text: str, serving: tuple[str, ...], within: float = 0.0) -> None:
        event = Event(time.time(), EventKind.NOTE, _NAME, "", text, serving, within)
        self._found = [*self._found, event]
