"""What processes have used: processor time and memory, as the kernel counts them."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

_WRAPPERS = ("unshare", "setpriv", "nsenter")
"""Programs that only start and end another one."""

_CPUCLOCK_SCHED = 2
"""Of the nanoseconds that the scheduler counts; source: linux/posix-timers_types.h."""


@dataclass(frozen=True)
class Usage:
    """Of some processes together."""

    cpu: float
    """Seconds of a processor."""
    memory: int
    """Bytes; what several processes share counts once (PSS)."""
    processes: frozenset[int] = frozenset()
    """Whose it is."""

    def since(self, before: Usage) -> Usage | None:
        """Return what was used since an earlier reading; None if that is not known.

        It is not where a process has ended meanwhile: it took its count along.
        """
        if before.processes - self.processes:
            return None
        return replace(self, cpu=max(0.0, self.cpu - before.cpu))


def of(pids: Iterable[int]) -> Usage:
    """Return what these processes have used so far; one that has ended counts no more."""
    found: dict[int, float] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            found[pid] = _cpu(pid)
    return Usage(sum(found.values()), memory(found), frozenset(found))


def memory(pids: Iterable[int], proc: Path = Path("/proc")) -> int:
    """Return the bytes that these processes hold; what several of them share counts once (PSS)."""
    return sum(_memory(proc / str(pid)) for pid in pids)


def descendants(pid: int, proc: Path = Path("/proc")) -> list[int]:
    """Return a process and all that it started, without those that only wrap another one."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    names: dict[int, str] = {}
    for entry in proc.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                name, _, rest = (entry / "stat").read_text(errors="replace").rpartition(")")
                names[int(entry.name)] = name.partition("(")[2]
                children[int(rest.split()[1])].append(int(entry.name))
    found = [pid]
    for each in found:
        found += children[each]
    return [each for each in found if names.get(each, "") not in _WRAPPERS]


def _cpu(pid: int) -> float:
    """Return the seconds of all threads, of those that have ended too.

    The clock is that of clock_getcpuclockid(3), which Python does not have.
    """
    return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)


def _memory(folder: Path) -> int:
    with contextlib.suppress(OSError):  # it has ended, or is somebody else's
        for line in (folder / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
