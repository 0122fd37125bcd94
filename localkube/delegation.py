"""The unit of systemd that holds a lab's cgroups, where systemd keeps the machine's only tree.

In that tree others may make cgroups in units with `Delegate=` alone, and a kubelet makes its own.
systemd and they would else undo what the other one does
(https://systemd.io/CGROUP_DELEGATION/). Where the tree is of version 1, or there is no systemd, a
lab's cgroups are at its root.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from foundation import commands
from localkube import cgroups, rootless
from toolchain.patience import scaled

BOOTED = Path("/run/systemd/system")
"""Whether systemd is the machine's init, as sd_booted(3) knows it."""

SECONDS = 10.0
"""How long systemd may take to start or to stop the unit."""

#: A cgroup that hands controllers down can hold no process, so the unit's own makes room.
#: `DelegateSubgroup=` would do that from systemd 254 on.
_KEEPER = """
here=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)
mkdir "$here/keeper"
echo $$ > "$here/keeper/cgroup.procs"
exec sleep infinity
"""

_PROPERTIES = (
    "Delegate=yes",
    f"CPUWeight={cgroups.SHARES['cpu.weight']}",
    "TasksMax=infinity",
    "OOMPolicy=continue",  # a pod that the OOM killer ends is its kubelet's affair
)


def cgroup(name: str) -> str:
    """Return the path of the cgroup of a lab's unit."""
    return f"/{_unit(name)}"


def start(name: str, what: str) -> str:
    """Start the unit of a lab, if there is to be one and it does not run.

    `what` describes it for people. Returns why it cannot be started, or "".
    """
    here = cgroups.ROOT / _unit(name)
    if here.exists() or not is_wanted():
        return ""
    properties = [f"--property={each}" for each in _PROPERTIES]
    command = [
        "systemd-run", "--quiet", "--collect", f"--unit={_unit(name)}", f"--description={what}",
        # systemd puts variables of its own in the place of what follows a single dollar
        "--slice=-.slice", *properties, "/bin/sh", "-ec", _KEEPER.replace("$", "$$"),
    ]  # fmt: skip
    if problem := _tell(*command):
        return problem
    until = time.monotonic() + scaled(SECONDS)
    while not cgroups.processes(here / "keeper"):
        if time.monotonic() > until:
            stop(name)
            return f"its unit {_unit(name)} did not start within {scaled(SECONDS):.0f} s"
        time.sleep(0.02)
    return ""


def stop(name: str) -> None:
    """Stop the unit of a lab, if it runs, with all that is in it."""
    if (cgroups.ROOT / _unit(name)).exists():
        _tell("systemctl", "stop", _unit(name))


def is_wanted() -> bool:
    """Check whether systemd keeps the only tree of cgroups here, and no keeper has a part of it."""
    if rootless.is_keepers():
        return False
    programs = all(map(shutil.which, ("systemd-run", "systemctl")))
    return programs and BOOTED.is_dir() and cgroups.is_unified(cgroups.ROOT)


def _unit(name: str) -> str:
    return f"localkube-{name}.service"


def _tell(*command: str) -> str:
    """Run a command of systemd; return why it failed, or ""."""
    try:
        commands.output(command, seconds=scaled(SECONDS))
    except commands.Failed as error:
        return f"`{command[0]}`: {error}"
    return ""
