"""What a document of a manifest says, as JSON has it, and the error of text that says nothing."""

from __future__ import annotations

from typing import Any, NamedTuple

from foundation.errors import UserError


class ReadingError(UserError):
    """Text that kubectl does not read either; `line` is counted from 1, 0 where it is unknown."""

    def __init__(self, what: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {what}" if line else what)


class Value(NamedTuple):
    """What one document says: null documents are none."""

    line: int
    """The first line of the document, counted from 1."""
    value: Any
    """As `json.loads` would give it."""
