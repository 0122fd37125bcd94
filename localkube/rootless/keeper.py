"""The keeper: a process that keeps a user's namespaces and cgroup while none of his labs does.

All labs of a user share a user namespace: who is root in one has no rights in another. They share
a mount namespace as well, where /sys/fs/cgroup is the part of the tree that is the user's.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from foundation import commands, packages, processes, project
from localkube import LocalKubeError, cgroups
from localkube.mounts import mount
from localkube.supervisord_config import python, supervisords
from toolchain import tools
from toolchain.patience import scaled

MODULE = "localkube.rootless.keeper"

UNIT = "localkube-rootless.service"
"""The unit of the user's systemd that holds all of his labs."""

CGROUP, COMMANDS = "keeper", "commands"
"""Cgroups of the keeper and of the demo's commands: one that hands controllers down has none."""

SECONDS = 20.0
"""How long the keeper may take to start."""

CLONE_NEWCGROUP = 0x02000000
"""From linux/sched.h: the namespace that is meant is one of cgroups."""

_PROPERTIES = (
    "Delegate=yes",
    "TasksMax=infinity",
    "OOMPolicy=continue",
)

BUS = ("busctl", "--user")
_MANAGER = (
    "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
)  # fmt: skip
ASKING = (*BUS, "get-property", *_MANAGER, "ControlGroup")
"""Command that has the user's systemd say where its cgroup is."""

_ATTACH = (
    f"{' '.join((*BUS, 'call', *_MANAGER))} AttachProcessesToUnit ssau {UNIT} /{COMMANDS} 1 $$"
    " >/dev/null || { echo 'error: systemd does not let this command into"
    f' {UNIT}\' >&2; exit 1; }}; exec "$@"'
)
"""Shell command that goes into the unit's cgroup. Only systemd may move a process from a session
to a service: the cgroup above both is root's."""


def of_user(user: int) -> int | None:
    """Return the process id of a user's keeper that is ready, None if there is none."""
    return next((pid for pid in _keepers(user) if _is_ready(pid)), None)


def start(user: int) -> int:
    """Start the keeper of a user, and return its process id. Raises `LocalKubeError`."""
    unshare = packages.which("unshare") or "unshare"
    namespaces = [
        "--user", "--map-root-user", "--map-auto", "--mount", "--propagation", "slave",
    ]  # fmt: skip
    command = [unshare, *namespaces, *python(MODULE)]
    if by_systemd():
        properties = [f"--property={each}" for each in _PROPERTIES]
        run = ["systemd-run", "--user", "--quiet", "--collect", f"--unit={UNIT}"]
        where = f"--working-directory={project.ROOT}"
        try:
            commands.output([*run, *properties, where, *command], seconds=scaled(SECONDS))
        except commands.Failed as error:
            raise LocalKubeError(f"the user's systemd does not start {UNIT}: {error}") from None
    else:
        with log().open("w") as output:  # the caller's may be a pipe
            subprocess.Popen(
                command,
                cwd=project.ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
    until = time.monotonic() + scaled(SECONDS)
    while (found := of_user(user)) is None:
        if time.monotonic() > until:
            told = f"journalctl --user --unit={UNIT}" if by_systemd() else str(log())
            raise LocalKubeError(f"{' '.join(command)} did not start; see {told}")
        time.sleep(0.02)
    return found


def stop(user: int) -> None:
    """End the keeper of a user, and wait for that, unless one of his labs runs."""
    if any(_is_of(user, pid) for pid, _ in supervisords()):
        return
    if by_systemd():
        with contextlib.suppress(commands.Failed):
            commands.output(["systemctl", "--user", "stop", UNIT], seconds=scaled(SECONDS))
        return
    for pid in _keepers(user):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + scaled(SECONDS)
    while _keepers(user) and time.monotonic() < until:
        time.sleep(0.02)


def log() -> Path:
    """Return where a keeper that no systemd has started says why it ends."""
    return tools.cache_dir() / "rootless.log"


def entering(pid: int, folder: Path, command: Sequence[str]) -> list[str]:
    """Return the command line that runs a command in the keeper's namespaces, in a folder."""
    nsenter = packages.which("nsenter") or "nsenter"
    # changing its user clears what `setpriv` has asked of the kernel, so it asks again
    inside = ["setpriv", "--pdeathsig", "KILL", "env", f"--chdir={folder}", *command]
    line = [nsenter, f"--target={pid}", "--user", "--cgroup", "--mount", "--", *inside]
    return ["sh", "-c", _ATTACH, "sh", *line] if by_systemd() else line


def by_systemd() -> bool:
    """Check whether cgroups are the user's by his systemd: there is one tree, and it keeps it."""
    return cgroups.is_unified(cgroups.ROOT) and shutil.which("systemd-run") is not None


def own_cgroups() -> dict[Path, Path]:
    """Return each mounted hierarchy -> the folder of this process' cgroup in it."""
    found = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        names = set(controllers.removeprefix("name=").split(","))
        for hierarchy in cgroups.hierarchies():
            unified = cgroups.is_unified(hierarchy)
            if unified != bool(controllers) and (unified or names & set(hierarchy.name.split(","))):
                found[hierarchy] = hierarchy / path.lstrip("/")
    return found


def _keepers(user: int) -> list[int]:
    lines = processes.command_lines()
    return [pid for pid, words in lines if words[1:] == ["-m", MODULE] and _is_of(user, pid)]


def _is_of(user: int, pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}").stat().st_uid == user
    except OSError:  # it has ended
        return False


def _is_ready(pid: int) -> bool:
    """Check whether the keeper has done all that it does."""
    try:
        return f"/{CGROUP}\n" in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False


def main() -> None:
    """Put the user's cgroups in the place of the machine's, then wait to be ended."""
    for hierarchy, folder in own_cgroups().items():
        mount("--bind", str(folder), str(hierarchy))
    # for whoever is in it, the tree now begins with the cgroup that this process is in
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWCGROUP):
        raise OSError(ctypes.get_errno(), "unshare failed")
    for hierarchy in cgroups.hierarchies():
        for name in (COMMANDS, CGROUP):
            cgroups.child(hierarchy, hierarchy, name)
        (hierarchy / CGROUP / "cgroup.procs").write_text("0")  # whoever writes it
    signal.pause()


if __name__ == "__main__":
    main()
