"""Which faults are in force: written down before they are made, so that any crash can be mended."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from foundation import contract, files, project
from foundation.errors import UserError


@dataclass(frozen=True)
class Entry:
    """A fault that is, or may be, in force."""

    fault: str
    cluster: str
    since: float
    """Seconds since the epoch."""
    memory: dict[str, str] = field(default_factory=dict)
    """What mending has to know of the time before."""


class Journal:
    """The file `faults.json` of a stack."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the stack's private folder."""
        self.file = folder / contract.FAULTS_FILE

    def entries(self) -> list[Entry]:
        """Return what is in force, the oldest first. Raises UserError if the file is damaged."""
        try:
            return [Entry(**entry) for entry in json.loads(self.file.read_text())]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError):
            raise UserError(
                f"{self.file} is damaged."
                " Delete it, then mend what can be seen:"
                f" {project.task('heal-all', self.file.parent.name)}"
            ) from None

    def add(self, entry: Entry) -> Entry:
        """Write a fault down; one that is there already stays as it was first written."""
        with self._locked():
            known = self.entries()
            for old in known:
                if (old.fault, old.cluster) == (entry.fault, entry.cluster):
                    return old
            self._write([*known, entry])
            return entry

    def remove(self, fault: str, cluster: str) -> None:
        """Cross a fault out; one that is not there is not missed."""
        with self._locked():
            known = self.entries()
            self._write([e for e in known if (e.fault, e.cluster) != (fault, cluster)])

    def _write(self, entries: list[Entry]) -> None:
        """Replace the file in one step, on the disk before anything is broken."""
        text = json.dumps([asdict(entry) for entry in entries], indent=2)
        files.replace(self.file, text, durable=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with files.locked(self.file.parent):
            yield
