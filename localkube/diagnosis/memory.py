"""What the kernel's OOM killer has ended in a lab, by the counters of cgroups.

A counter says how many processes of a cgroup were ended, not which. For a node's programs its
supervisord's log says which got SIGKILL. For a container the kubelet says so, who is told by the
same counter: the cgroup goes with its container.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from foundation.memory import Limit, group_of, limit
from localkube.diagnosis import Finding

COUNTERS = ("memory.oom_control", "memory.events")
"""Files that count what was ended, of cgroups version 1 and 2."""

NOTE = "oom_kills"
"""File in the folder of a node or a lab: the counter when its supervisord began."""

_KILLED = re.compile(
    r"^(?P<at>\S+ [\d:]+),\d+ \w+ exited: (?P<program>\S+) \(terminated by SIGKILL", re.MULTILINE
)


def count(text: str) -> int:
    """Return how many processes a counter's file says were ended. Pure."""
    fields = dict(line.split(maxsplit=1) for line in text.splitlines() if " " in line)
    return int(fields.get("oom_kill", 0))


def killed(log: str) -> dict[str, str]:
    """Return program -> when it last got SIGKILL, by the log of a supervisord. Pure.

    What its supervisord stopped itself, and what an earlier one has seen, does not count.
    """
    return {
        found["program"]: found["at"]
        for found in _KILLED.finditer(log[log.rfind("supervisord started with pid") :])
    }


def of_programs(
    kills: int, programs: Mapping[str, str], where: str, limit: Limit | None
) -> list[Finding]:
    """Return a finding for each program that got SIGKILL, if the OOM killer ended any. Pure.

    `kills`: what the counter of their cgroup says since their supervisord began.
    """
    if kills <= 0:
        return []
    remedy = (
        limit.remedy
        if limit
        else "no cgroup limits it: give the machine more memory, or run fewer clusters"
    )
    times = "once" if kills == 1 else f"{kills} times"
    return [
        Finding(
            f"{program} of {where} got SIGKILL at {at}, and the OOM killer struck {times} in its"
            " cgroup",
            f"{remedy}; it was started again",
            is_over=True,
        )
        for program, at in programs.items()
    ]


def of_containers(pods: Iterable[Mapping[str, Any]], where: str) -> list[Finding]:
    """Return a finding for each container of these pods that the OOM killer ended last. Pure."""
    found = []
    for pod in pods:
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        limits = {each["name"]: _limit_of(each) for each in pod["spec"]["containers"]}
        for status in pod.get("status", {}).get("containerStatuses", []):
            if at := _oom_killed(status):
                container = status["name"]
                text = f"container {container} in pod {name} of {where} was ended by the OOM killer"
                remedy = f"its limit is {limits.get(container, 'none')}: raise"
                remedy += " resources.limits.memory of its workload"
                found.append(Finding(f"{text} at {at}", remedy, is_over=True))
    return found


def _limit_of(container: Mapping[str, Any]) -> str:
    return str(container.get("resources", {}).get("limits", {}).get("memory", "none"))


def _oom_killed(status: Mapping[str, Any]) -> str:
    """Return when the OOM killer ended a container, now or at its last end; empty if it did not."""
    ends = [status.get(when, {}).get("terminated") or {} for when in ("state", "lastState")]
    return next((str(e["finishedAt"]) for e in ends if e.get("reason") == "OOMKilled"), "")


def note(folder: Path) -> None:
    """Write down the counter of this process' cgroup, for what begins with this process."""
    group = group_of("self")
    (folder / NOTE).write_text(str(_counted(group) if group else 0))


def since_noted(folder: Path, pid: int) -> tuple[int, Limit | None]:
    """Return what the counter of a process' cgroup says since `note`, and the limit."""
    group = group_of(pid)
    try:
        noted = int((folder / NOTE).read_text())
    except (OSError, ValueError):  # of an older version, or deleted
        return 0, None
    return (_counted(group) - noted, limit(group)) if group else (0, None)


def _counted(group: Path) -> int:
    for file in COUNTERS:
        with contextlib.suppress(OSError):
            return count((group / file).read_text())
    return 0
