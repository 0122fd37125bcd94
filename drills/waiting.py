"""Waiting for what is true in a moment."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from foundation.errors import UserError
from toolchain import patience


def until(condition: Callable[[], bool], what: str, seconds: float, pause: float = 0.1) -> None:
    """Wait for a condition. Raises UserError that says `what` did not happen in time.

    `seconds` are those of a common machine.
    """
    limit = patience.scaled(seconds)
    end = time.monotonic() + limit
    while True:
        with contextlib.suppress(UserError):  # whoever is asked may be away for a moment
            if condition():
                return
        if time.monotonic() > end:
            raise UserError(f"{what}: not within {limit:g} s")
        time.sleep(pause)
