"""The pages of a comparison: comparison.html and comparison.md in the run's folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from drills.compare.balancers import DIRECT, OURS
from drills.compare.table import Comparison, behind, doubt, sections
from drills.report import text
from drills.report.markup import Child, e, table, whole, wide

EXPLAINED = (
    "moved: from the fault to the last request that was lost or answered by the struck cluster",
    "back: from when mending begins to the first answer of the struck cluster",
    "executions per request: those in the portal's log, for each good answer",
    f"added: median of HTTP/1.1 requests, less that of the lane {DIRECT}, which has no balancer",
)
"""What columns mean, for those who have the page alone."""

NOWHERE = "Our edge is best or equal in every column."


def write(folder: Path, title: str, comparison: Comparison) -> Path:
    """Write both files; return the page's path."""
    (folder / "comparison.md").write_text(markdown(title, comparison))
    file = folder / "comparison.html"
    file.write_text(html(title, comparison))
    return file


def headline(comparison: Comparison) -> str:
    """Return what our edge lost, and in how many columns it is behind, in a few words."""
    early = f"Ended before its time, {comparison.cut}. " if comparison.cut else ""
    if said := doubt(comparison):
        return early + said
    lost = sum(lanes[OURS].lost for lanes in comparison.faults.values() if OURS in lanes)
    count = len(behind(comparison))
    where = (
        f"behind in {count} {'column' if count == 1 else 'columns'}"
        if count
        else "best or equal in every column"
    )
    return f"{early}Our edge lost {lost:,} requests that may be sent again; it is {where}"


def notes(comparison: Comparison) -> list[str]:
    """Return what was compared and how, and what was left out and why."""
    found = [f"{lane}: {version}" for lane, version in comparison.versions.items()]
    found += [*comparison.conditions, *EXPLAINED]
    return found + [
        f"{name} is not compared, or not to the end: {why}"
        for name, why in comparison.skipped.items()
    ]


def markdown(title: str, comparison: Comparison) -> str:
    """Return the comparison as Markdown."""
    lines = [f"# {title}", "", f"**{headline(comparison)}.**", ""]
    lines += ["## Where our edge is behind", ""]
    lines += _list(behind(comparison) or [NOWHERE])
    for name, heads, body in sections(comparison):
        lines += ["", f"## {name}", "", *text.table(heads, body)]
    return "\n".join([*lines, "", "## What was compared", "", *_list(notes(comparison))]) + "\n"


def html(title: str, comparison: Comparison) -> str:
    """Return the comparison as a page that needs no network."""
    content: list[Child] = [
        e("header", e("p", title), e("h1", headline(comparison))),
        e("h2", "Where our edge is behind"),
        _items(behind(comparison) or [NOWHERE]),
    ]
    for name, heads, body in sections(comparison):
        content += [e("h2", name), wide(name, table(heads, body))]
    return whole(title, *content, e("h2", "What was compared"), _items(notes(comparison)))


def _list(items: Iterable[str]) -> list[str]:
    return [f"- {item}" for item in items]


def _items(items: Iterable[str]) -> Child:
    return e("ul", [e("li", item) for item in items])
