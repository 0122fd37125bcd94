"""What processes have used: processor time and memory, as the kernel counts them."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_WRAPPERS = ("unshare", "setpriv", "nsenter")
"""Programs that only start and end another one."""


@dataclass(frozen=True)
class Usage:
    """Of some processes together."""

    cpu: float
    """Seconds of a processor."""
    memory: int
    """Bytes; what several processes share counts once (PSS)."""


def of(pids: Iterable[int], proc: Path = Path("/proc")) -> Usage:
    """Return what these processes have used so far; one that has ended counts no more."""
    cpu, memory = 0.0, 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError):
            cpu += _cpu(proc / str(pid))
            memory += _memory(proc / str(pid))
    return Usage(cpu, memory)


def descendants(pid: int, proc: Path = Path("/proc")) -> list[int]:
    """Return a process and all that it started, without those that only wrap another one."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    names: dict[int, str] = {}
    for entry in proc.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                name, _, rest = (entry / "stat").read_text().rpartition(")")
                names[int(entry.name)] = name.partition("(")[2]
                children[int(rest.split()[1])].append(int(entry.name))
    found = [pid]
    for each in found:
        found += children[each]
    return [each for each in found if names.get(each, "") not in _WRAPPERS]


def _cpu(folder: Path) -> float:
    """Return the seconds of all threads; schedstat counts nanoseconds, stat hundredths."""
    tasks = (task / "schedstat" for task in (folder / "task").iterdir())
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def _memory(folder: Path) -> int:
    for line in (folder / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
