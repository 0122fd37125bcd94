"""Signals to the Envoys of an embedded cluster, as the machine below it sees them."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from drills.faults.model import Place
from drills.site import until
from toolchain.errors import UserError

PORTAL = "web-portal"
"""What the portal's Envoys call themselves; a gateway's are called as their cluster."""

SECONDS = 5
"""How long the kernel may take for a signal."""


def envoys(place: Place, service: str, proc: Path = Path("/proc")) -> list[int]:
    """Process ids of a cluster's Envoys that call themselves `service`, the oldest first."""
    groups = [f"{node.cgroup}/" for node in place.spec.members]
    found = []
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):  # it has just ended
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if not words[0].endswith("envoy") or "--service-cluster" not in words:
                continue
            named = words[words.index("--service-cluster") + 1]
            group = (entry / "cgroup").read_text()
            if named == service and any(path in group for path in groups):
                found.append(int(entry.name))
    return sorted(found)


def kill_one(place: Place, service: str) -> None:
    """Ends one of the Envoys at once; the kubelet starts it again. Raises UserError."""
    pids = envoys(place, service)
    if not pids:
        raise UserError(f"{place.cluster}: no process of {service} runs that could be killed")
    os.kill(pids[0], signal.SIGKILL)
    until(lambda: pids[0] not in envoys(place, service), f"process {pids[0]} has ended", SECONDS)


def freeze(place: Place, service: str) -> None:
    """Stops all of the Envoys: they hold their connections and do nothing. Raises UserError."""
    pids = envoys(place, service)
    if not pids:
        raise UserError(f"{place.cluster}: no process of {service} runs that could be stopped")
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    until(lambda: is_frozen(place, service), f"{service} of {place.cluster} has stopped", SECONDS)


def thaw(place: Place, service: str) -> None:
    """Lets all of the Envoys go on. Raises UserError."""
    for pid in envoys(place, service):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    what = f"{service} of {place.cluster} goes on"
    until(lambda: not is_frozen(place, service), what, SECONDS)


def is_frozen(place: Place, service: str) -> bool:
    """Whether any of the Envoys is stopped."""
    return any(_state(pid) == "T" for pid in envoys(place, service))


def _state(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""
