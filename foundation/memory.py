"""What memory a process may have: of the machine, and of the cgroups that it is in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from foundation.disk import size

ROOT = Path("/sys/fs/cgroup")

USAGE = {"memory.limit_in_bytes": "memory.usage_in_bytes", "memory.max": "memory.current"}
"""The limit and what counts against it, of cgroups version 1 and 2: files of a cgroup."""

UNLIMITED = 1 << 60
"""Version 1 writes the largest number of pages where there is no limit."""

_CACHES = ("inactive_file", "active_file")
"""Parts of the usage that the kernel gives up for processes."""


@dataclass(frozen=True)
class Limit:
    """The memory limit under which a process is; the tightest of its cgroup and those above."""

    amount: int
    """Bytes."""
    file: Path

    @property
    def remedy(self) -> str:
        """Return how to raise it."""
        return f"its limit is {size(self.amount)}: write a higher one to {self.file}"

    @property
    def free(self) -> int:
        """Bytes below it that nothing uses, or caches only. Raises OSError and ValueError."""
        used = int(self.file.with_name(USAGE[self.file.name]).read_text())
        lines = self.file.with_name("memory.stat").read_text().splitlines()
        known = dict(line.split(maxsplit=1) for line in lines)
        # version 1 counts the cgroup itself and, as version 2 does, all below it
        caches = (known.get(f"total_{name}", known.get(name, 0)) for name in _CACHES)
        return self.amount - used + sum(map(int, caches))


@dataclass(frozen=True)
class Available:
    """What a process may have, and the limit that says so; none where the machine does."""

    amount: int
    """Bytes; of the machine with those of its swap."""
    limit: Limit | None = None


def available() -> Available:
    """Return what this process and its children may have beside what is used."""
    import psutil

    machine = psutil.virtual_memory().available + psutil.swap_memory().free
    found = [Available(machine)]
    if group := group_of("self"):
        for each in limits(group):
            with contextlib.suppress(OSError, ValueError):
                found.append(Available(each.free, each))
    return min(found, key=lambda each: each.amount)


def whole() -> int:
    """Return the bytes that this process could have if nothing else used any, without swap."""
    import psutil

    group = group_of("self")
    found = limit(group) if group else None
    machine = int(psutil.virtual_memory().total)
    return min(machine, found.amount) if found else machine


def group_of(pid: int | str, proc: Path = Path("/proc")) -> Path | None:
    """Return the memory cgroup of a process; None where it cannot be seen.

    Where a container shows its own cgroup as the root, the path that the kernel tells is not there.
    """
    with contextlib.suppress(OSError):
        for line in (proc / str(pid) / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            name = "memory" if "memory" in controllers.split(",") else ""
            if name or not controllers:
                root = ROOT / name
                group = root / path.lstrip("/")
                found = group if group.is_dir() else root
                if any((found / file).exists() for file in USAGE):
                    return found
    return None


def limit(group: Path) -> Limit | None:
    """Return the tightest limit of a cgroup and of those above it; None without one."""
    return min(limits(group), key=lambda each: each.amount, default=None)


def limits(group: Path) -> Iterator[Limit]:
    """Yield the limits of a cgroup and of those above it."""
    for folder in (group, *group.parents):
        if not folder.is_relative_to(ROOT):
            return
        for name in USAGE:
            with contextlib.suppress(OSError, ValueError):  # version 2 says "max" for none
                amount = int((folder / name).read_text())
                if amount < UNLIMITED:
                    yield Limit(amount, folder / name)
