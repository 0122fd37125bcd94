"""Which programs use the processor in each step of a command, as /proc tells while it runs."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

PAUSE_SECONDS = 0.25
"""Between two looks; a look takes some 4 ms of a processor."""

OTHERS = "others"
"""What ended between two looks, and the kernel for itself."""

PROGRAMS = {
    "kube-apiserver": "API servers",
    "kube-controller": "controller managers",
    "kube-scheduler": "schedulers",
    "kube-proxy": "kube-proxies",
    "kubelet": "kubelets",
    "etcd": "etcd",
    "containerd": "containerd, its shims, runc",
    "runc": "containerd, its shims, runc",
    "envoy": "Envoys",
    "coredns": "CoreDNS",
    "pulumi-resource": "Pulumi's providers",
    "pulumi": "Pulumi",
    "python": "Python: program, launcher, supervisors",
}
"""Begin of a program's name, of which the kernel has 15 letters, and what the table calls it."""

_TICKS = os.sysconf("SC_CLK_TCK")

Used = Mapping[tuple[str, str], tuple[str, int]]
"""Process id and start of each process -> its program, and its ticks so far."""


class Watch(threading.Thread):
    """Looks at all processes for as long as a block runs; `looks` has what was used between."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.looks: list[tuple[float, Counter[str]]] = []
        """Seconds since the begin, and seconds of the processor since the look before."""
        self._enough = threading.Event()
        self._first = (time.monotonic(), machine_seconds(), _used())

    def run(self) -> None:
        """Looks until it is enough."""
        begin, whole, used = self._first
        ends = False
        while not ends:
            ends = self._enough.wait(PAUSE_SECONDS)
            now, after = machine_seconds(), _used()
            self.looks.append((time.monotonic() - begin, between(used, after, now - whole)))
            whole, used = now, after

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self.join()


def between(before: Used, after: Used, whole: float) -> Counter[str]:
    """Return the seconds that programs used between two looks; `whole` are all the machine's."""
    found: Counter[str] = Counter()
    for process, (program, ticks) in after.items():
        # a process that began to be another program since is that one
        found[program] += ticks - before.get(process, (program, 0))[1]
    used = {program: ticks / _TICKS for program, ticks in found.items()}
    rest = max(0.0, whole - sum(used.values()))
    return Counter({**used, OTHERS: used.get(OTHERS, 0.0) + rest})


def by_step(
    looks: Sequence[tuple[float, Mapping[str, float]]], ends: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """Return step -> program -> seconds; `ends` says when each step ends, in their order."""
    found: dict[str, dict[str, float]] = {
        step: dict.fromkeys([*dict.fromkeys(PROGRAMS.values()), OTHERS], 0.0) for step in ends
    }
    for at, used in looks:
        step = next((step for step, end in ends.items() if at <= end), list(ends)[-1])
        for program, seconds in used.items():
            found[step][program] += seconds
    return found


def _used() -> Used:
    return dict(_processes())


def _processes() -> Iterator[tuple[tuple[str, str], tuple[str, int]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                head, _, rest = (entry / "stat").read_text().rpartition(")")
                fields = rest.split()
                program = named(head.partition("(")[2])
                yield (entry.name, fields[19]), (program, int(fields[11]) + int(fields[12]))


def named(name: str) -> str:
    """Return what the table calls a program, by the kernel's name for it."""
    return next((shown for begin, shown in PROGRAMS.items() if name.startswith(begin)), OTHERS)


def machine_seconds() -> float:
    """Return how long all processors of the machine were busy since it began.

    What the host of a virtual machine took away from it is not among that.
    """
    times = psutil.cpu_times()
    others = times.idle + times.iowait + times.steal + times.guest + times.guest_nice
    return float(sum(times) - others)
