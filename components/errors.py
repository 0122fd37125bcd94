"""Errors for people: one clear line, no traceback, nothing registered."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import pulumi

_ALREADY_SAID = 32
"""Exit code by which Pulumi's Python host knows that the user has been told: it adds nothing.

Source: PYTHON_PROCESS_EXITED_AFTER_SHOWING_USER_ACTIONABLE_MESSAGE_CODE in the SDK's
pulumi-language-python-exec.
"""


class DemoError(Exception):
    """Something a person has to mend; the text says what, where and how."""


@contextmanager
def one_line() -> Iterator[None]:
    """Ends the program with one line of text when a DemoError is raised."""
    try:
        yield
    except DemoError as error:
        pulumi.log.error(str(error))
        sys.exit(_ALREADY_SAID)


def hide_tracebacks() -> None:
    """Makes Pulumi's dynamic provider process report a DemoError by its text alone.

    For `ResourceProvider.configure`. That process answers each exception with
    `traceback.format_exc()`; other exceptions keep their traceback.
    """
    original = traceback.format_exc
    if getattr(original, "hides_tracebacks", False):
        return

    def format_exc(limit: int | None = None, chain: bool = True) -> str:
        error = sys.exc_info()[1]
        return str(error) if isinstance(error, DemoError) else original(limit, chain)

    format_exc.hides_tracebacks = True  # type: ignore[attr-defined]
    traceback.format_exc = format_exc
