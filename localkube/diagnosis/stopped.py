"""Processes of a lab that SIGSTOP has stopped: which they are, and how they go on.

Nothing else notices them. A stopped process keeps its sockets, is RUNNING to its supervisord, and
answers nobody.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from foundation import processes
from localkube import LocalKubeError
from localkube.api import wait_for
from localkube.diagnosis import Finding
from localkube.supervisord_config import config_of

SECONDS = 5
"""How long the kernel may take for a signal."""

MODULES = "localkube.inside."
"""First part of the names of the modules that run in a lab as programs."""

_POD = re.compile(r"/pod([0-9a-f-]{36})\b")


@dataclass(frozen=True)
class Member:
    """A process as a part of a lab."""

    program: str
    """What it runs, for example ``etcd``."""
    node: str = ""
    """Node that it runs on or carries; empty for what belongs to the whole lab."""
    cluster: str = ""
    """Cluster of it; empty for what belongs to the whole lab."""
    pod: str = ""
    """``namespace/name`` of the pod that it is in, if any."""

    def __str__(self) -> str:
        """Return where it is, in words."""
        where = self.cluster if self.node in ("", f"{self.cluster}-1") else self.node
        inside = f"in pod {self.pod} " if self.pod else ""
        return f"{self.program} {inside}of {where or 'the lab'}"


@dataclass(frozen=True)
class Stopped:
    """A stopped process."""

    pid: int
    member: Member

    def finding(self, stack: str) -> Finding:
        """Return what to say of it."""
        ends = "; a drill that has stopped it does so at its end" if self.member.pod else ""
        return Finding(str(self), f"./demo up {stack} lets it go on{ends}")

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.member} is stopped (SIGSTOP), pid {self.pid}"


def member(lineage: Sequence[Sequence[str]], lab: Path, pod: str = "") -> Member | None:
    """Return what part of a lab a process is; None if it is none of it. Pure.

    `lineage`: command lines, that of the process first and then those of its parents. `pod`: the
    pod that its cgroup belongs to.
    """
    words = lineage[0]
    for depth, each in enumerate(lineage):
        config = config_of(each)
        if config is None or not config.is_relative_to(lab):
            continue
        parts = config.relative_to(lab).parts  # clusters/CLUSTER/nodes/NODE/supervisord.conf
        cluster, node = (parts[1], parts[3]) if len(parts) == 5 else ("", "")
        if not depth:
            return Member("supervisord", node, cluster)
        if node:
            return Member(program(words), node, cluster, pod)
        module, folder, *more = [*after_module(words), "", ""]
        ordinal = more[0] if module == "node" else ""
        carried = f"{Path(folder).name}-{ordinal}" if ordinal else ""
        return Member(program(words), carried, Path(folder).name if folder else "")
    if "localkube.lab" in words and str(lab) in words:
        return Member(program(words))
    return None


def program(words: Sequence[str]) -> str:
    """Return the name of what a command line runs, as logs and documentation call it."""
    module = after_module(words)[0]
    name = Path(words[0]).name
    return module if module and name != "unshare" else name


def after_module(words: Sequence[str]) -> list[str]:
    """Return the name of a module that runs in a lab, and its arguments; [""] without one."""
    for index, word in enumerate(words):
        if word.startswith(MODULES):
            return [word.removeprefix(MODULES), *words[index + 1 :]]
    return [""]


def find(lab: Path) -> list[Stopped]:
    """Return the stopped processes of a lab, its pods' too."""
    found = []
    for pid in processes.stopped():
        lineage = processes.lineage(pid)
        if any(lineage[:1]) and (known := member(lineage, lab, _pod(pid, lab))):
            found.append(Stopped(pid, known))
    return found


def concerning(found: Sequence[Stopped], cluster: str) -> list[Stopped]:
    """Return those that a cluster needs: its own, and the whole lab's."""
    return [each for each in found if each.member.cluster in ("", cluster)]


def resume(lab: Path, cluster: str) -> list[Stopped]:
    """Let what a cluster needs go on; return what was stopped. Raises `LocalKubeError`."""
    found = concerning(find(lab), cluster)
    for each in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each.pid, signal.SIGCONT)

    def left() -> list[Stopped]:
        return [each for each in found if processes.is_stopped(each.pid)]

    if not wait_for(lambda: not left(), SECONDS, interval=0.02):
        listed = ", ".join(f"{each.member} ({each.pid})" for each in left())
        raise LocalKubeError(
            f"stopped again after SIGCONT: {listed}; end what stops it (a debugger?), then run the"
            " same command again"
        )
    return found


def _pod(pid: int, lab: Path) -> str:
    """Return ``namespace/name`` of the pod whose cgroup a process is in; empty if in none."""
    with contextlib.suppress(OSError):
        if uid := _POD.search(Path(f"/proc/{pid}/cgroup").read_text()):
            return pod_name(uid[1], lab)
    return ""


def pod_name(uid: str, lab: Path) -> str:
    """Return ``namespace/name`` of a pod by its logs' folder; without one its `metadata.uid`."""
    for folder in lab.glob(f"clusters/*/nodes/*/pods/*_{uid}"):
        namespace, name, _ = folder.name.split("_")
        return f"{namespace}/{name}"
    return uid
