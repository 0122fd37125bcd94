"""What came of a preview as Markdown, for a comment and for a step's summary. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from preview import text
from preview.model import Result

MARKER = "<!-- multi-cluster-resiliency: preview -->"
"""First line, by which the comment is found again."""

LIMIT = 60_000
"""Characters; GitHub takes 65,536 for a comment."""

_NOTE = "… cut here; all of it: `./demo task preview`, or the job's log"
_FOOT = (
    "Previewed against empty states, without any cluster: what Kubernetes would add is not in it,"
    " whether a secret's value changes cannot be seen, and keys and certificates are made only by"
    " an update."
)


def render(result: Result, limit: int = LIMIT) -> str:
    """Return the text, of at most `limit` characters: the table first, then the details, folded."""
    head = [
        MARKER,
        f"### Preview: {text.headline(result)}",
        "",
        f"Base {_code(result.base)}, head {_code(result.head)}.",
        *(["", _plain(result.note)] if result.note else []),
        "",
        _line(text.COLUMNS),
        _line(["---"] * len(text.COLUMNS)),
        *(_line(text.row(diff)) for diff in result.diffs),
        "",
    ]
    left = limit - len("\n".join([*head, _FOOT, _NOTE])) - 10
    body: list[str] = []
    for section in text.sections(result):
        block = _section(section, left)
        if block is None:
            body += ["", _NOTE]
            break
        body += block
        left -= len("\n".join(block)) + 1
    return "\n".join([*head, *body, "", _FOOT]) + "\n"


def _section(section: text.Section, left: int) -> list[str] | None:
    """Return the section folded, its last lines cut if need be; None if there is no room."""
    # a fence longer than any in the text, which so cannot end it
    runs = re.findall(r"`{3,}", "\n".join(section.lines))
    fence = "`" * (max(map(len, runs), default=2) + 1)
    opening = ["<details>", f"<summary>{_plain(section.title)}</summary>", "", f"{fence}diff"]
    closing = [fence, "</details>", ""]
    left -= len("\n".join([*opening, *closing])) + 2
    if left < len(_NOTE) + 200:
        return None
    kept: list[str] = []
    for line in section.lines:
        if left - len(line) - 1 < len(_NOTE):
            kept.append(_NOTE)
            break
        kept.append(line)
        left -= len(line) + 1
    return [*opening, *kept, *closing]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(words: str) -> str:
    """Return words in which nothing is Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]<>#|@&])", lambda m: f"&#{ord(m.group())};", words)


def _code(words: str) -> str:
    return f"<code>{_plain(words)}</code>"
