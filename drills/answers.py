"""One look at a stack from several sides: what more than one asks is asked once."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class Answers:
    """Answers by question, for threads that ask at the same time. A failure is no answer."""

    def __init__(self) -> None:
        self._found: dict[Hashable, Any] = {}
        self._asking: defaultdict[Hashable, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    def once(self, question: Hashable, ask: Callable[[], Answer]) -> Answer:
        """Return the answer to a question, and ask if nobody has."""
        with self._lock:
            asking = self._asking[question]
        with asking:
            if question not in self._found:
                self._found[question] = ask()
            found: Answer = self._found[question]
            return found
