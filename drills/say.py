"""How a command of drills tells what it does, as it goes."""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], None]


def say(text: str) -> None:
    """Print a line that is seen at once, whoever reads it."""
    print(text, flush=True)
