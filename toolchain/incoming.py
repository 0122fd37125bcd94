"""What is on its way into the store: unfinished downloads, and how far a module has come.

Only the standard library is used: downloads begin before the virtual environment exists.
"""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from toolchain import pins, published, tools


def arriving() -> Path:
    """Return the folder of unfinished downloads; a later run goes on with them."""
    return tools.cache_dir() / "arriving"


class Incoming:
    """A module on its way: which of its files have come, and how much of each."""

    def __init__(
        self, module: pins.Module, products: list[str], sources: list[published.Source]
    ) -> None:
        self.module, self.products, self.sources = module, products, sources
        self.folder = arriving() / published.key(module)
        shutil.rmtree(self.folder, ignore_errors=True)  # left by a run that was killed
        self._guard = threading.Lock()
        self._begun = False
        self._left = len(sources)
        self._bytes: dict[str, tuple[int, int]] = {}

    def begins(self) -> bool:
        """Return whether this is the first file of the module."""
        with self._guard:
            first, self._begun = not self._begun, True
            return first

    def ended(self) -> bool:
        """Return whether this was the last file of the module."""
        with self._guard:
            self._left -= 1
            return self._left == 0

    def loaded(self, url: str, have: int, total: int) -> str:
        """Take how much of one file is there; return it for the whole module, for people."""
        with self._guard:
            self._bytes[url] = (have, total)
            sums = [sum(column) / 1e6 for column in zip(*self._bytes.values(), strict=True)]
        files = f" in {len(self.sources)} files" if len(self.sources) > 1 else ""
        return f"{sums[0]:.0f} of {sums[1]:.0f} MB{files}" if sums[1] else f"{sums[0]:.0f} MB"
