"""Each node's own cgroup, under which its kubelet keeps the pods' cgroups; versions 1 and 2.

Two kubelets must not share a root cgroup: each would take the other's pods for orphans.

Pods and the way to them come first when the processor is short. Elsewhere a control plane, an
operator's tools and another cluster's pods run on machines of their own and cannot starve a
gateway; here all share one machine, and all pods together would weigh as much as one kubectl.
Measured on two cores at 100 requests a second while a drill runs: 184 of 2,988 lost without, none
with.
"""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

from foundation import memory
from foundation.errors import first_of
from localkube import LocalKubeError
from toolchain.patience import scaled

ROOT = memory.ROOT

TOP = "localkube"
"""Name of the cgroup that holds those of all labs."""

SHARES = {"cpu.shares": "102400", "cpu.weight": "10000"}
"""Weight of TOP, as versions 1 and 2 count: a hundred times that of a process beside it."""

CONTROLLERS = ("cpuset", "cpu", "memory", "pids", "hugetlb")
"""The controllers that a kubelet asks for, as far as the machine has them."""

PATIENCE_SECONDS = 20.0
"""How long killed processes may take without one of them ending. Under load some took over five
seconds until the first was gone (seen)."""

SILENT_SECONDS = 5.0
"""After so long it is said what is waited for."""


def create(cgroup: str) -> None:
    """Make the cgroup and its parents, ready for a kubelet: controllers on, cpuset filled."""
    for hierarchy in hierarchies():
        here = _make(hierarchy, cgroup)
        if is_unified(hierarchy):
            hand_down(here)


def _make(hierarchy: Path, cgroup: str) -> Path:
    """Make the cgroup and its parents in one hierarchy; return its folder."""
    here = hierarchy
    for part in Path(cgroup).relative_to("/").parts:
        if is_unified(hierarchy):
            hand_down(here)
        here = child(hierarchy, here, part)
        for name, value in SHARES.items():
            if part == TOP and (here / name).exists():
                (here / name).write_text(value)
    return here


def child(hierarchy: Path, parent: Path, name: str) -> Path:
    """Make a cgroup below another one of a hierarchy, fit to hold processes; return its folder."""
    here = parent / name
    here.mkdir(exist_ok=True)
    for inherited in ("cpuset.cpus", "cpuset.mems"):
        if not is_unified(hierarchy) and (here / inherited).exists():
            (here / inherited).write_text((parent / inherited).read_text())
    return here


def exists(cgroup: str) -> bool:
    """Check whether the cgroup is there, in any hierarchy."""
    return any((hierarchy / cgroup.lstrip("/")).exists() for hierarchy in hierarchies())


def join(cgroup: str) -> None:
    """Move this process into a cgroup below TOP, as far as the processor is concerned."""
    for hierarchy in hierarchies():
        if is_unified(hierarchy) or any((hierarchy / name).exists() for name in SHARES):
            here = _make(hierarchy, cgroup)
            (here / "cgroup.procs").write_text("0")  # whoever writes it


def remove(cgroup: str, patience: float = PATIENCE_SECONDS) -> None:
    """Remove the cgroup and all below it, as `clear` does, then its parent if that is empty."""
    clear(cgroup, patience)
    for hierarchy in hierarchies():
        with contextlib.suppress(OSError):  # shared with other labs: goes with the last of them
            (hierarchy / cgroup.lstrip("/")).parent.rmdir()


def clear(cgroup: str, patience: float = PATIENCE_SECONDS) -> None:
    """Remove the cgroup and all below it, but for the parent: neighbours may be about to begin.

    The end of its processes is asynchronous: a killed one stays in its cgroup until it is reaped,
    which takes a loaded machine long. Wait for as long as there are fewer and fewer.
    Raises `LocalKubeError`, naming the processes, after `patience` seconds without progress.
    """
    patience = scaled(patience)
    for hierarchy in hierarchies():
        top = hierarchy / cgroup.lstrip("/")
        least, said = sys.maxsize, False
        since = begin = time.monotonic()
        while top.exists():
            folders = [top, *(path for path in top.rglob("*") if path.is_dir())]
            for folder in sorted(folders, reverse=True):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            held = processes(top)
            left, now = len(held) + sum(map(Path.exists, folders)), time.monotonic()
            if left < least:
                least, since = left, now
            elif now - since > patience:
                raise LocalKubeError(
                    f"{listed(held)} in cgroup {top} did not end within {patience:.0f} s of being "
                    "killed; the machine is very busy or its disk does not answer: wait until they "
                    "are gone, then run the same command again"
                )
            if now - begin > SILENT_SECONDS and not said:
                said = True
                print(f"waiting for the end of {listed(held)}", file=sys.stderr, flush=True)
            if top.exists():
                time.sleep(0.02)


def processes(top: Path) -> dict[int, str]:
    """Return id and name of each process in a cgroup and below it."""
    found: dict[int, str] = {}
    for file in top.rglob("cgroup.procs"):
        with contextlib.suppress(OSError):  # the folder has just gone
            for process in map(int, file.read_text().split()):
                found[process] = "unknown"
                with contextlib.suppress(OSError):
                    found[process] = (
                        Path(f"/proc/{process}/comm").read_text(errors="replace").strip()
                    )
    return found


def listed(held: dict[int, str]) -> str:
    """Return some processes in words; a few names stand for many."""
    if not held:
        return "ended processes that nobody has reaped"
    names = [f"{name} ({process})" for process, name in sorted(held.items())]
    return f"processes {first_of(names, 5)}"


def hierarchies() -> list[Path]:
    """Return the root folders of the mounted hierarchies: one on version 2, several on version 1.

    Among the several may be one of version 2 that has no controllers; runc uses that as well.
    """
    if is_unified(ROOT):
        return [ROOT]
    return sorted({path.resolve() for path in ROOT.iterdir() if (path / "cgroup.procs").exists()})


def withheld(root: Path = ROOT) -> list[str]:
    """Return the controllers that no node can have, on version 2: processes are in the top cgroup.

    Those of a container are, where it has a cgroup namespace of its own; the machine's real top
    cgroup may hold processes.
    """
    if not is_unified(root) or not (root / "cgroup.type").exists():
        return []
    there = set((root / "cgroup.controllers").read_text().split())
    handed_down = set((root / "cgroup.subtree_control").read_text().split())
    missing = sorted((there & set(CONTROLLERS)) - handed_down)
    return missing if (root / "cgroup.procs").read_text().split() else []


def is_unified(hierarchy: Path) -> bool:
    """Check whether this is the root of a version 2 hierarchy."""
    return (hierarchy / "cgroup.controllers").exists()


def hand_down(folder: Path) -> None:
    """Let the children of a version 2 cgroup use the controllers that it has itself."""
    available = (folder / "cgroup.controllers").read_text().split()
    for controller in set(CONTROLLERS) & set(available):
        # threaded or delegated away: the kubelet says what it misses
        with contextlib.suppress(OSError):
            (folder / "cgroup.subtree_control").write_text(f"+{controller}")
