"""Relative links and anchors of the documentation lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from foundation.project import ROOT

PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "findings/README.md"})

_FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^|(?<=\n\n))(?: {4}[^\n]*\n?)+")
_CODE = re.compile(r"(`+)[^`]*?\1")
_INLINE = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
_REFERENCE = re.compile(r"^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def links(markdown: str) -> list[str]:
    """Return the targets of all links and pictures that are not code."""
    prose = _CODE.sub("", _INDENTED.sub("", _FENCE.sub("", markdown)))
    return [*_INLINE.findall(prose), *_REFERENCE.findall(prose)]


def anchors(markdown: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", markdown)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        again = 0
        while (anchor := f"{slug}-{again}" if again else slug) in found:
            again += 1
        found.add(anchor)
    return found


def broken(page: Path, root: Path = ROOT) -> list[str]:
    """Return a line for each relative link of a page that leads nowhere, or out of the project."""
    wrong = []
    for link in links(page.read_text()):
        if _SCHEME.match(link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.is_relative_to(root):
            wrong.append(f"{link}: outside the project")
        elif not target.exists():
            wrong.append(f"{link}: no such file")
        elif anchor and anchor not in anchors(target.read_text()):
            wrong.append(f"{link}: no such heading")
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_every_page_of_the_documentation_is_linked_from_the_front_page() -> None:
    front = {link.partition("#")[0] for link in links((ROOT / "README.md").read_text())}
    pages = {page.relative_to(ROOT).as_posix() for page in ROOT.glob("docs/*.md")}
    assert pages - front == set()


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One `thing`, and 2\n\n## Twice\n\n## Twice\n\n"
        "[a](#one-thing-and-2) [b](#twice-1) [c](page.md#twice) [d](https://example.org/x)\n"
        "[e](#twice-2) [f](gone.md) [g](../up.md) [h][i] `[j](code.md)`\n\n"
        "    [k](block.md)\n\n```\n[l](fence.md)\n# No heading\n```\n\n"
        "[m](#no-heading)\n\n[i]: missing.md\n"
    )
    assert broken(page, tmp_path) == [
        "#twice-2: no such heading",
        "gone.md: no such file",
        "../up.md: outside the project",
        "#no-heading: no such heading",
        "missing.md: no such file",
    ]
