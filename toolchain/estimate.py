"""What building takes, told beforehand; what was taken, told afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from foundation import disk
from foundation.disk import MB, size
from foundation.errors import UserError
from toolchain import golang, pins, tools

#: What modules need besides what the largest one needs too, measured with all of them.
_OWN = 0.4
_STANDARD_LIBRARY = 300 * MB  # compiled; worth keeping for the small modules, which change


def announce(modules: list[pins.Module]) -> None:
    """Say what time and disk building `modules` takes; refuse when the disk is too small."""
    seconds = sum(together([m.seconds for m in modules]))
    cache, sources = tools.cache_dir(), golang.find().module_cache
    # an interrupted build has left what it had compiled and fetched
    building = _at_most(modules, folder_size([cache / "go-build"]) / MB) * MB
    fetching = sum(m.source_mb for m in modules if not is_fetched(m, sources)) * MB
    kept = sum(m.kept_mb for m in modules) * MB
    print(
        f"To build: {', '.join(m.name for m in modules)}.\n"
        f"On 2 idle processors about {max(1, round(seconds / 60))} min from nothing."
        f" {size(kept)} stay in {cache}, {size(building)} more are used meanwhile;"
        f" {size(fetching)} of sources go to {sources} (`go clean -modcache` frees them).",
        flush=True,
    )
    require({cache: building + kept, sources: fetching})


def _at_most(modules: Sequence[pins.Module], compiled: float) -> float:
    """Return how many MB more there are at most while modules are built one after another.

    `compiled` MB are there. What a module compiles is there twice until it is linked.
    """
    kept, most = 0.0, 0.0
    for each in together([m.build_mb for m in modules]):
        new = max(0.0, each - compiled)
        compiled = max(0.0, compiled - each)
        kept += new
        most = max(most, kept + new)
    return most


def together(takes: Sequence[int]) -> list[float]:
    """Return what each of several modules takes that takes so much alone: what they share is there.

    Seconds, or MB of Go's build cache. The largest one has all of its own.
    """
    largest = max(takes, default=0)
    return [each if each == largest else _OWN * each for each in takes]


def is_fetched(module: pins.Module, sources: Path) -> bool:
    """Check whether Go's module cache `sources` has `module`, and so its dependencies."""
    return (sources / "cache/download" / module.source / "@v" / f"{module.version}.zip").exists()


def require(space: dict[Path, float]) -> None:
    """Refuse when a file system has less free space than the folders on it need, in bytes."""
    for short in disk.shortages(space):
        raise UserError(
            f"The disk of {short.folder} has {size(short.free)} free; building the tools needs"
            f" {size(short.needed)}.\nFree some, or name a folder on another disk:"
            " export XDG_CACHE_HOME=/another/folder (Go's sources: GOMODCACHE)"
        )


def free_build_cache() -> None:
    """Remove Go's build cache when it holds more than what every Go program needs."""
    cache = tools.cache_dir() / "go-build"
    if folder_size([cache]) > _STANDARD_LIBRARY:
        shutil.rmtree(cache, ignore_errors=True)


def account() -> None:
    """Say what the tools hold on the disk."""
    held = folder_size(tools.cache_dir() / part for part in ("store", "bin", "go-build"))
    print(f"The tools take {size(held)} in {tools.cache_dir()}.", flush=True)


def folder_size(folders: Iterable[Path]) -> int:
    """Return bytes on the disk below `folders`; a file with several hard links counts once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for folder in folders:
        for root, _, files in os.walk(folder):
            for name in files:
                status = Path(root, name).lstat()
                if (status.st_dev, status.st_ino) not in seen:
                    seen.add((status.st_dev, status.st_ino))
                    total += status.st_blocks * 512
    return total
