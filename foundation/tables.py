"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Column, Table


def folded(heads: Iterable[str], title: str | None = None) -> Table:
    """Return a table without lines that folds what is too wide: cut, it would be another name."""
    columns = [Column(head, overflow="fold") for head in heads]
    return Table(*columns, title=title, title_justify="left", title_style="bold", box=None)
