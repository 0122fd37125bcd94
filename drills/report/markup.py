"""Elements of HTML and SVG; text is escaped by the library that writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, tostring

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

Child = Element | str | None | Iterable["Child"]


def e(tag: str, *children: Child, **attributes: str | float) -> Element:
    """Return an element. `_` in a name of an attribute stands for `-`; a last `_` is dropped."""
    made = Element(tag)
    for name, value in attributes.items():
        text = f"{value:g}" if isinstance(value, float) else str(value)
        made.set(name.rstrip("_").replace("_", "-"), text)
    _append(made, children)
    return made


def _append(parent: Element, children: Iterable[Child]) -> None:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Element):
            parent.append(child)
        elif isinstance(child, str):
            if len(parent):
                parent[-1].tail = (parent[-1].tail or "") + child
            else:
                parent.text = (parent.text or "") + child
        else:
            _append(parent, child)


def whole(title: str, *content: Child, scripts: Sequence[str] = ()) -> str:
    """Return a page around its content; `scripts` may run in it, and no others."""
    style = (Path(__file__).parent / "style.css").read_text()
    policy = f"{_POLICY}; script-src {' '.join(scripts)}; img-src data:" if scripts else _POLICY
    root = e(
        "html",
        e(
            "head",
            e("meta", charset="utf-8"),
            e("meta", name="viewport", content="width=device-width"),
            e("meta", http_equiv="Content-Security-Policy", content=policy),
            e("title", title),
            e("style", style),
        ),
        e("body", e("main", *content)),
        lang="en",
    )
    return "<!doctype html>\n" + tostring(root, encoding="unicode", method="html") + "\n"


def table(
    heads: Iterable[str], rows: Iterable[Iterable[Child]], *, class_: str = "figures"
) -> Element:
    """Return a table whose first column names its rows."""
    return e(
        "table",
        e("thead", e("tr", [e("th", head, scope="col") for head in heads])),
        e("tbody", [_row(row) for row in rows]),
        class_=class_,
    )


def wide(name: str, content: Element) -> Element:
    """Return a drawing or a table that is scrolled by itself where the page is narrower."""
    return e("div", content, class_="wide", role="group", aria_label=name, tabindex="0")


def _row(cells: Iterable[Child]) -> Element:
    first, *others = cells
    return e("tr", e("th", first, scope="row"), [e("td", cell) for cell in others])
