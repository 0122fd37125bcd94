"""Objects as the one text that kubectl reads and prints: a List of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

_NAMES = ("name", "namespace")


def as_list(documents: Iterable[Mapping[str, Any]]) -> str:
    """Return documents as the text of one that kubectl reads."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents)})


def items(said: str) -> list[dict[str, Any]]:
    """Return the objects that kubectl has printed as JSON: a List, or one after the other.

    Raises ValueError where it is no JSON.
    """
    decoder, rest = json.JSONDecoder(), said.strip()
    found: list[dict[str, Any]] = []
    while rest:
        document, end = decoder.raw_decode(rest)
        found += document["items"] if document["kind"] == "List" else [document]
        rest = rest[end:].lstrip()
    return found


def reference(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what names an object to kubectl, without what it holds."""
    metadata = document["metadata"]
    return {
        "apiVersion": document["apiVersion"],
        "kind": document["kind"],
        "metadata": {key: metadata[key] for key in _NAMES if metadata.get(key)},
    }
