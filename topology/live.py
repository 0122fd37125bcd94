"""The picture as it goes on: asked for several times a second, kept, and recorded."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from drills.journal import Entry, Journal
from drills.stack import EDGE
from drills.traffic import Event, EventKind
from drills.traffic.events import Announcements
from foundation import project, selection
from foundation.errors import UserError
from topology import recording
from topology.history import History, states
from topology.kubectl import Source
from topology.telemetry import Events

PERIOD = 0.25
"""Seconds between two pictures while nothing changes but rates."""
_SETTLE = 0.03
"""Least seconds between two looks at the proxies, several of which answer nearly at once."""
_SETTING = 2.0
"""Seconds between two looks at the stack's settings."""

_GROUPS = {EDGE: "the edge"}
"""What the page calls the proxies of a cluster, where it is not the cluster's name."""


class Live:
    """Follows a stack in a thread of its own, whether or not anybody looks."""

    def __init__(self, stack: str, source: Source) -> None:
        self.source = source
        self.command: Callable[[], dict[str, Any] | None] = lambda: None
        """What the page is told of the command that it has begun."""
        self.tell: Callable[[Events], None] = lambda events: None
        """Is told of each event once."""
        self._stack = stack
        self._history = History(stack)
        self._told = Announcements(project.stack_folder(stack))
        self._journal = Journal(project.stack_folder(stack))
        self._lock = threading.Lock()
        self._recorder: recording.Recorder | None = None
        self._mode = self._setting()
        broken = self._broken()
        # told before anybody listened here
        struck = [Event(e.since, EventKind.FAULT, e.fault, e.cluster) for e in broken]
        found = source.picture(time.time())
        self.latest = self._history.add(found, struck, broken, mode=self._mode)

    def start(self) -> None:
        """Begin to ask the proxies, and to follow what they say."""
        self.source.start()
        threading.Thread(target=self._follow, daemon=True).start()

    def is_heard(self) -> bool:
        """Check whether every proxy that is known has said something, and there are some."""
        found = self.latest
        proxies = [*found["edge"], *(g for c in found["clusters"] for g in c["gateways"])]
        return bool(found["edge"]) and all(each["silent"] is not None for each in proxies)

    def record(self, file: Path) -> None:
        """Begin a record. Raises UserError if the file is there already."""
        made = recording.Recorder(file)
        self.end_record()
        with self._lock:
            self._recorder = made

    def end_record(self) -> Path | None:
        """End the record, if there is one; return the page that plays it."""
        with self._lock:
            ended, self._recorder = self._recorder, None
        if ended is None:
            return None
        ended.close()
        return recording.write_page(ended.file)

    def _follow(self) -> None:
        """Make a picture when a state changes or something is told, and else each `PERIOD`."""
        looked = shown = 0.0
        while True:
            self.source.wait(PERIOD)
            now = time.monotonic()
            if now - looked >= _SETTING:
                self._mode, looked = self._setting(), now
            told = self._told.new()
            found = self.source.picture(time.time())
            if told or now - shown >= PERIOD or states(found) != states(self.latest):
                self._show(found, told)
                shown = now
            time.sleep(_SETTLE)

    def _show(self, found: dict[str, Any], told: Sequence[Event]) -> None:
        known = max((event["number"] for event in self.latest["events"]), default=0)
        self.latest = self._history.add(
            found,
            told,
            self._broken(),
            mode=self._mode,
            command=self.command(),
            troubles=_by_group(self.source.troubles()),
            unwatched=_by_group(self.source.unwatched()),
        )
        self.tell([event for event in self.latest["events"] if event["number"] > known])
        with self._lock:
            if self._recorder:
                with contextlib.suppress(OSError):  # a full disk: the picture goes on
                    self._recorder.add(self.latest)

    def _broken(self) -> list[Entry]:
        with contextlib.suppress(UserError):  # `task status` says what is wrong with the journal
            return self._journal.entries()
        return []

    def _setting(self) -> str:
        return selection.setting(self._stack, "lbMode") or ""


def _by_group(found: Mapping[str, Any]) -> dict[str, Any]:
    return {_GROUPS.get(name, name): value for name, value in found.items()}
