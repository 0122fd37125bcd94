"""Pulumi's property paths, as `ignoreChanges` has them: `spec.replicas`, `data["app.json"]`.

Source: https://www.pulumi.com/docs/concepts/options/ignorechanges/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from foundation.managed_fields import Key, Path

_ELEMENT = re.compile(r'\.?(?:\["((?:\\"|[^"])*)"\]|\[(\d+|\*)\]|([^.\[]+))')
"""A quoted key, an index of a list or every item of it, a plain key."""


def read(text: str, document: Any) -> Iterator[Path]:
    """Yield the fields that a property path means in a document; items of lists by their names.

    An item that has no name, or is not in the document, cannot be named and is left out.
    """
    yield from _read(list(_ELEMENT.findall(text)), document)


def _read(elements: list[tuple[str, str, str]], value: Any) -> Iterator[Path]:
    if not elements:
        yield ()
        return
    quoted, index, plain = elements[0]
    for key, below in _below(quoted.replace('\\"', '"'), index, plain, value):
        for path in _read(elements[1:], below):
            yield (key, *path)


def _below(quoted: str, index: str, plain: str, value: Any) -> Iterator[tuple[Key, Any]]:
    """Yield what an element leads to: a key of a map, an item of a list, or each of either."""
    is_each = "*" in (index, plain)
    if isinstance(value, list) and (index or is_each):
        for item in value if is_each else value[int(index) :][:1]:
            if isinstance(item, dict) and "name" in item:
                yield (("name", item["name"]),), item
    elif is_each:
        yield from value.items() if isinstance(value, dict) else ()
    elif not index:
        key = quoted or plain
        yield key, value.get(key) if isinstance(value, dict) else None
