"""What the lab holds of its machine, and whether it has grown."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from drills.compare import usage
from drills.stack import EDGE, Stack
from localkube import machine
from localkube.spec import lab_cgroup

SAMPLES = 4
"""Samples of which the least counts: probes and pods that end add to some of them only."""

PAUSE_SECONDS = 5.0
"""Between these samples."""

END_ROUNDS = 6
"""How often these are taken at the end before growth counts. A pod of a mended fault may take its
grace period of 30 s to end, and a namespace's or a certificate's connections a little longer."""


@dataclass(frozen=True)
class Sample:
    """Of all processes of the lab, and of the soak with its own, at one moment."""

    memory: int
    """Bytes; what several processes share counts once (PSS)."""
    files: int
    """Open files, sockets included."""
    cgroups: int
    """Below the lab's, and itself; one counts once, however many hierarchies hold it."""
    processes: int
    unread: int = 0
    """Processes whose files this user may not see; they count as processes only."""


@dataclass(frozen=True)
class Tolerance:
    """How much a figure may be above its beginning, and why."""

    name: str
    part: float
    """Of the beginning."""
    least: int
    """In the figure's own unit, however low the beginning was."""
    reason: str

    def most(self, begin: int) -> int:
        """Return the highest value that is no growth."""
        return begin + max(self.least, int(begin * self.part))


TOLERANCES = (
    Tolerance(
        "memory",
        0.15,
        64 << 20,
        "control planes that a fault restarts fill their caches again, and Go returns memory late",
    ),
    Tolerance(
        "files",
        0.10,
        200,
        "control planes and Envoys keep connections open for reuse, as many as the last fault took",
    ),
    Tolerance("cgroups", 0.0, 4, "a Job's or a probe's pod may be on its way out"),
    Tolerance("processes", 0.0, 8, "probes that are programs, and helpers of containers, overlap"),
)


def grown(begin: Sample, end: Sample) -> list[str]:
    """Return what grew beyond its tolerance, each in a few words. Less is never growth."""
    found = []
    for each in TOLERANCES:
        was, now = int(getattr(begin, each.name)), int(getattr(end, each.name))
        if now > each.most(was):
            amounts = (shown(each.name, value) for value in (was, now, each.most(was)))
            found.append("{} grew from {} to {} (tolerated {})".format(each.name, *amounts))
    return found


def shown(name: str, value: int) -> str:
    """Return a figure for people: memory in MiB."""
    return f"{value / (1 << 20):,.0f} MiB" if name == "memory" else f"{value:,}"


def least(samples: Sequence[Sample]) -> Sample:
    """Return the least of each figure."""
    return Sample(*map(min, zip(*map(astuple, samples), strict=True)))


Take = Callable[[], Sample]


def settled(take: Take, sleep: Callable[[float], None] = time.sleep) -> Sample:
    """Return the least of several samples."""
    found = [take()]
    while len(found) < SAMPLES:
        sleep(PAUSE_SECONDS)
        found.append(take())
    return least(found)


def at_the_end(take: Take, begin: Sample, sleep: Callable[[float], None] = time.sleep) -> Sample:
    """Return the sample to compare with the beginning; wait while something has grown."""
    found = settled(take, sleep)
    for _ in range(END_ROUNDS - 1):
        if not grown(begin, found):
            break
        found = settled(take, sleep)
    return found


def of(stack: Stack) -> Take | None:
    """Return what samples a stack's lab; None where its clusters do not run on this machine."""
    if not stack.is_local:
        return None
    lab = Path(stack.spec(EDGE).lab)

    def take() -> Sample:
        first = machine.first_process(lab)
        roots = [os.getpid()] if first is None else [os.getpid(), first]
        return sample(lab_cgroup(lab), roots, machine.cgroups.hierarchies())

    return take


def sample(
    group: str, roots: Sequence[int], hierarchies: Sequence[Path], proc: Path = Path("/proc")
) -> Sample:
    """Return what these processes and all their descendants hold, and how many cgroups `group` has.

    All of a lab descend from its first process. Its cgroup holds pods and relays only.
    """
    pids = {pid for root in roots for pid in usage.descendants(root, proc)}
    files = unread = 0
    for pid in pids:
        try:
            files += sum(1 for _ in (proc / str(pid) / "fd").iterdir())
        except PermissionError:
            unread += 1
        except OSError:  # it has just ended
            continue
    folders = set()
    for hierarchy in hierarchies:
        top = hierarchy / group.lstrip("/")
        folders |= {Path(path).relative_to(hierarchy) for path, _, _ in os.walk(top)}
    return Sample(usage.memory(pids, proc), files, len(folders), len(pids), unread)
