"""Manifests that an API server takes, and changes of them that it refuses or takes."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from components.documents.reading import values

FOLDER = Path(__file__).with_name("manifests")
KINDS = FOLDER / "kinds.yaml"
CUSTOM = "example.com/v1"
"""Of the document whose kind no schema has."""

Document = dict[str, Any]
_NOTHING = object()


def documents() -> list[Document]:
    """Return one document and more of each kind that users write most."""
    return copy.deepcopy(_documents())


@functools.cache
def _documents() -> list[Document]:
    return [each.value for each in values(KINDS.read_bytes())]


@dataclass(frozen=True)
class Change:
    """A field of a document of `kinds.yaml`, and what becomes of it."""

    of: str
    """Kind and name of the document."""
    field: str
    value: Any = _NOTHING
    says: str = ""
    """What is in our refusal."""

    @property
    def document(self) -> Document:
        """The changed document."""
        (found,) = [d for d in documents() if f"{d['kind']} {d['metadata']['name']}" == self.of]
        holder: Any = found
        *path, last = [int(key) if key.isdigit() else key for key in self.field.split(".")]
        for key in path:
            holder = holder[key]
        if self.value is _NOTHING:
            del holder[last]
        else:
            holder[last] = copy.deepcopy(self.value)
        return found

    def __str__(self) -> str:
        return f"{self.of}: {self.field} {'' if self.value is _NOTHING else self.value}"


def changes(file: str) -> list[Change]:
    """Return the changes of `refused.yaml` or `taken.yaml`."""
    return [Change(**each) for each in yaml.safe_load((FOLDER / file).read_text())]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every mapping or list in a value with each of its keys."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            found += [(value, key), *places(value[key])]
    return found
