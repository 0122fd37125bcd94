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
    """Return the objects that kubectl has printed as JSON: none, one, or a list."""
    if not said.strip():
        return []
    parsed = json.loads(said)
    return list(parsed["items"]) if parsed["kind"] == "List" else [parsed]


def reference(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what names an object to kubectl, without what it holds."""
    metadata = document["metadata"]
    return {
        "apiVersion": document["apiVersion"],
        "kind": document["kind"],
        "metadata": {key: metadata[key] for key in _NAMES if metadata.get(key)},
    }
