"""The picture as it goes on: read from the feed several times a second, kept, and recorded."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drills.journal import Entry, Journal
from drills.traffic.events import Announcements
from foundation import project, selection
from foundation.errors import UserError
from topology import recording
from topology.feed import Feed
from topology.history import History
from topology.picture import picture

PERIOD = 0.25
"""Seconds between two pictures."""
_SETTINGS = 8
"""Pictures between two looks at the stack's settings."""


class Live:
    """Follows a stack in a thread of its own, whether or not anybody looks."""

    def __init__(self, stack: str, feed: Feed) -> None:
        self.feed = feed
        self.command: Callable[[], dict[str, Any] | None] = lambda: None
        """What the page is told of the command that it has begun."""
        self._stack = stack
        self._history = History(stack)
        self._told = Announcements(project.stack_folder(stack))
        self._journal = Journal(project.stack_folder(stack))
        self._lock = threading.Lock()
        self._recorder: recording.Recorder | None = None
        self._mode = self._setting()
        self.latest = self._history.add(picture([], time.time()), mode=self._mode)

    def start(self) -> None:
        """Begin to ask the proxies, and to follow what they say."""
        self.feed.start()
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
        count = 0
        while True:
            count += 1
            if count % _SETTINGS == 0:
                self._mode = self._setting()
            found = self.feed.read(lambda proxies: picture(proxies, time.time()))
            self.latest = self._history.add(
                found,
                self._told.new(),
                self._broken(),
                mode=self._mode,
                command=self.command(),
            )
            with self._lock:
                if self._recorder:
                    with contextlib.suppress(OSError):  # a full disk: the picture goes on
                        self._recorder.add(self.latest)
            time.sleep(PERIOD)

    def _broken(self) -> list[Entry]:
        with contextlib.suppress(UserError):  # `task status` says what is wrong with the journal
            return self._journal.entries()
        return []

    def _setting(self) -> str:
        return selection.setting(self._stack, "lbMode") or ""
