"""The live view while a drill runs: who answers now, what is lost, what happens."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Self

from rich.live import Live as Screen

from drills.traffic import Event, view
from drills.traffic.generator import Traffic
from drills.traffic.window import TOLD, Live
from foundation import tables

_TICK = 0.2  # seconds between two pictures


class Watch:
    """Draws below what is printed meanwhile; draws nothing where there is no terminal."""

    def __init__(self, traffic: Traffic, title: str, uncounted: Sequence[str] = ()) -> None:
        self._traffic, self._title = traffic, title
        self._state = Live(uncounted=tuple(uncounted))
        self._seen = 0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if tables.console().is_terminal:
            self._thread = threading.Thread(target=self._draw, name="watch", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread:
            self._thread.join()

    def event(self, event: Event) -> None:
        """Show an event among the last ones."""
        self._state.events.append(event)

    def _draw(self) -> None:
        # transient: the ledger takes its place
        with Screen(console=tables.console(), auto_refresh=False, transient=True) as screen:
            while not self._over.wait(_TICK):
                samples, self._seen = self._traffic.since(self._seen)
                self._state.add(samples)
                now = self._traffic.now()
                self._state.turn(now - TOLD)
                screen.update(view.live(self._title, self._state, now), refresh=True)
