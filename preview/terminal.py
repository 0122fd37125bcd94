"""What came of a preview, for the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from foundation import tables
from preview import text
from preview.model import Result

_STYLES = {"+": "green", "-": "red", "~": "yellow", "!": "red"}


def show(console: Console, result: Result) -> None:
    """Print the table and the details."""
    table = tables.folded(text.COLUMNS)
    for diff in result.diffs:
        table.add_row(*map(Text, text.row(diff)), style="" if diff.ok else "red")
    console.print(table)
    for section in text.sections(result):
        console.print()
        console.print(Text(section.title, style="bold"))
        for line in section.lines:
            console.print(Text(line, style=_STYLES.get(line[:1], "")), soft_wrap=True)
    console.print()
    console.print(Text(f"Base {result.base}, head {result.head}. {text.headline(result)}"))
    if result.note:
        console.print(Text(result.note))
