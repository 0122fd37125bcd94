"""Errors for people: one or two lines that say what is wrong, where, and the command that mends it.

Here because every other package rests on this one.
"""

from __future__ import annotations

import sys


class UserError(Exception):
    """Something a person has to mend; shown by its text alone, without a traceback."""


def hide_tracebacks() -> None:
    """Makes Pulumi's dynamic provider process report a UserError by its text alone.

    For `ResourceProvider.configure`. That process answers each exception with
    `traceback.format_exc()`; other exceptions keep their traceback.
    """
    import traceback  # here and not above: every program of a lab comes by this module

    original = traceback.format_exc
    if getattr(original, "hides_tracebacks", False):
        return

    def format_exc(limit: int | None = None, chain: bool = True) -> str:
        error = sys.exc_info()[1]
        return str(error) if isinstance(error, UserError) else original(limit, chain)

    format_exc.hides_tracebacks = True  # type: ignore[attr-defined]
    traceback.format_exc = format_exc
