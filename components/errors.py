"""How the program ends on an error for people: one line, no traceback, nothing registered."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pulumi

from foundation.errors import UserError

_ALREADY_SAID = 32
"""Exit code by which Pulumi's Python host knows that the user has been told: it adds nothing.

Source: PYTHON_PROCESS_EXITED_AFTER_SHOWING_USER_ACTIONABLE_MESSAGE_CODE in the SDK's
pulumi-language-python-exec.
"""


@contextmanager
def one_line() -> Iterator[None]:
    """End the program with one line of text when a UserError is raised."""
    try:
        yield
    except UserError as error:
        pulumi.log.error(str(error))
        sys.exit(_ALREADY_SAID)
