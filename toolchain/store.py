"""What the store holds of a module, and which way it came: built here, fetched, or in a bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolchain import pins, published, tools

BUILT, FETCHED, BUNDLED = "built", "fetched", "bundle"
MARK = ".bundle"
"""An empty file of this name marks a folder of the store that came in a bundle."""


@dataclass(frozen=True)
class Kept:
    """A product in the store."""

    path: Path
    version: str
    origin: str


def folders(module: pins.Module) -> list[tuple[Path, str, str]]:
    """Return the folders that may hold products of `module`: path, version, origin.

    What was built comes first, so that `./demo setup --build` has an effect.
    """
    found = [(tools.store_dir(module), module.version, BUILT)]
    if release := published.of(module):
        found.append((fetched_dir(module), release.version, FETCHED))
    return [(f, v, BUNDLED if (f / MARK).exists() else o) for f, v, o in found]


def fetched_dir(module: pins.Module) -> Path:
    """Return where the fetched products of a published module are, or will be."""
    return tools.cache_dir() / "store" / published.key(module)


def kept(module: pins.Module, product: str, origins: tuple[str, ...] = ()) -> Kept | None:
    """Return `product` in the store, if it is there; with `origins`, if it came in such a way."""
    for folder, version, origin in folders(module):
        if (folder / product).exists() and (not origins or origin in origins):
            return Kept(folder / product, version, origin)
    return None
