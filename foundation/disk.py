"""Free space: which file systems have less of it than is to be written there."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

GB = 1000**3
MB = 1000**2


@dataclass(frozen=True)
class Space:
    """What a folder is to take, and what its file system has."""

    folder: Path
    device: int
    """The number of the file system (`st_dev`)."""
    free: int
    needed: float


@dataclass(frozen=True)
class Shortage:
    """A file system that has less free space than it needs, in bytes."""

    folder: Path
    """A folder on it."""
    free: int
    needed: float

    def __str__(self) -> str:
        """Return it in words, without a remedy."""
        return f"the disk of {self.folder} has {size(self.free)} free, {size(self.needed)} needed"


def shortages(space: Mapping[Path, float]) -> list[Shortage]:
    """Return the file systems on which these folders, there or not, cannot take so many bytes."""
    found = []
    for folder, needed in space.items():
        there = existing(folder)
        free = shutil.disk_usage(there).free
        found.append(Space(there, there.stat().st_dev, free, needed))
    return too_small(found)


def too_small(spaces: Iterable[Space]) -> list[Shortage]:
    """Return the file systems that have too little for all their folders together. Pure."""
    by_device: dict[int, list[Space]] = {}
    for each in spaces:
        by_device.setdefault(each.device, []).append(each)
    sums = [
        Shortage(same[0].folder, same[0].free, sum(each.needed for each in same))
        for same in by_device.values()
    ]
    return [each for each in sums if each.free < each.needed]


def existing(folder: Path) -> Path:
    """Return `folder`, or the nearest folder above it that exists."""
    return next(f for f in (folder, *folder.parents) if f.exists())


def size(count: float) -> str:
    """Return bytes for people: "30 MB", "1.2 GB"."""
    return f"{count / GB:.1f} GB" if count >= GB else f"{count / MB:.0f} MB"
