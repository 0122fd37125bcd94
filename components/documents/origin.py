"""Where an object of a manifest was read, for the errors that people read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundation.errors import UserError
from foundation.identity import mapping


class ManifestError(UserError):
    """A manifest that cannot be used; the text names file, document and field, for people."""


@dataclass(frozen=True)
class Read:
    """One object, and where it was read."""

    document: dict[str, Any]
    file: str
    """As people type it."""
    position: str
    """Its document in the file, counted from 1, such as `document 2, item 1`."""

    @property
    def where(self) -> str:
        """File and document."""
        return f"{self.file}, {self.position}"

    def refusal(self, what: str) -> ManifestError:
        """Return the error that says what is wrong with this object."""
        name = mapping(self.document.get("metadata")).get("name")
        called = f"{self.document['kind']} {name}" if name else self.document["kind"]
        return ManifestError(f"{self.where} ({called}) {what}")


def shown(path: Path) -> str:
    """Return the path as people type it: relative to the current folder, the project's."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
