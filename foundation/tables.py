"""Tables for a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Column, Table

_PIPED_COLUMNS = 500
"""Width where no terminal has one: a row is a line, for grep(1) and the like."""


def console() -> Console:
    """Return standard output to print tables on; a pipe or file has as many columns as they need.

    COLUMNS, if it is set, says how many there are, as everywhere. What is in square brackets, or
    between colons, is printed as it is: texts are those of others.
    """
    is_free = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(
        highlight=False, markup=False, emoji=False, width=_PIPED_COLUMNS if is_free else None
    )


def folded(heads: Iterable[str], title: str | None = None) -> Table:
    """Return a table without lines that folds what is too wide: cut, it would be another name."""
    columns = [Column(head, overflow="fold") for head in heads]
    return Table(*columns, title=title, title_justify="left", title_style="bold", box=None)
