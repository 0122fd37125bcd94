"""Faults and switches told to a generator that runs in another terminal.

Whoever breaks, mends or switches something appends a line to the stack's file of events; every
generator of that stack reads what comes after its own start and puts it on its record.
"""

from __future__ import annotations

import os
from pathlib import Path

from drills.traffic import record
from drills.traffic.model import Event

_FILE = "events.jsonl"
_LONGEST = 4096  # a line up to this long is appended whole, whoever else appends at that moment


def announce(folder: Path, event: Event) -> None:
    """Tell the generators of the stack whose private folder is `folder` of the event."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = record.encode(event).encode()[: _LONGEST - 1] + b"\n"
    descriptor = os.open(folder / _FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


class Announcements:
    """The events announced since this object was made."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / _FILE
        try:
            self._read = self._file.stat().st_size
        except OSError:
            self._read = 0

    def new(self) -> list[Event]:
        """Return the events that came since the last call; other lines are passed over."""
        try:
            with self._file.open("rb") as stream:
                if stream.seek(0, os.SEEK_END) < self._read:
                    self._read = 0  # somebody began the file anew
                stream.seek(self._read)
                arrived = stream.read()
        except OSError:
            return []
        whole, _, _ = arrived.rpartition(b"\n")
        self._read += len(whole) + 1 if whole else 0
        found = []
        for line in whole.splitlines():
            try:
                entry = record.decode_line(line)
            except record.RecordError:
                continue
            if isinstance(entry, Event):
                found.append(entry)
        return found
