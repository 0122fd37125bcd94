"""What a machine must allow before an ordinary user can run embedded clusters; all of it at once.

Each lack is a line with the command that an administrator runs, once.
"""

from __future__ import annotations

import ctypes
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from foundation import commands, packages
from localkube import cgroups, kernel
from localkube.rootless import keeper

SUBORDINATE_IDS = 65536
"""Ids that a user namespace needs for the users of containers: as many as adduser(8) gives."""

CONTROLLERS = ("cpu", "memory", "pids")
"""What systemd has to delegate to a user. Some releases keep cpuset back; no pod here uses it."""

INOTIFY_INSTANCES = 100
"""A demo of three clusters takes some 70, which count as its user's (see `kernel`)."""

_DELEGATE = (
    "sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset"
    " io memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf &&"
    " sudo systemctl daemon-reload; then log in anew"
)


def to_enter() -> list[str]:
    """Return what keeps the user from having namespaces, each with its remedy; empty if nothing."""
    return [*_programs(), *_ids(), *_namespaces(), *_cgroups()]


def to_start() -> list[str]:
    """Return what clusters would lack in them, each with its remedy; empty if nothing."""
    return list(_kernel())


def _programs() -> Iterator[str]:
    needed = {"newuidmap": "uidmap", "newgidmap": "uidmap", "mount": "mount", **packages.TO_RUN}
    missing = [name for name in needed if packages.which(name) is None]
    if missing:
        debian = " ".join(sorted({needed[name] for name in missing}))
        yield (
            f"{', '.join(missing)} not found: sudo apt-get install -y {debian} (Debian and Ubuntu;"
            " Fedora has newuidmap in shadow-utils)"
        )
    for need in packages.missing_to_compile(seccomp=False):
        yield f"{need.what} is missing, {need.reason}: sudo apt-get install -y {need.package}"


def _ids() -> Iterator[str]:
    """Look at subuid(5) and subgid(5)."""
    user = name_of(os.getuid())
    for file, option in (("/etc/subuid", "--add-subuids"), ("/etc/subgid", "--add-subgids")):
        if subordinate(_text(Path(file)), user, os.getuid()) < SUBORDINATE_IDS:
            yield (
                f"{file} gives {user} no {SUBORDINATE_IDS} ids: sudo usermod {option}"
                f" 100000-165535 {user} (or another range that is nobody's)"
            )


def subordinate(text: str, user: str, number: int) -> int:
    """Return the size of the range that a file like /etc/subuid gives a user: its first one."""
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        size = rest.partition(":")[2].strip()
        if name in (user, str(number)) and size.isdigit():
            return int(size)
    return 0


def name_of(user: int) -> str:
    """Return the name of a user, or the number where there is no account."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _setting(parameter: str, value: str) -> str:
    """Return a shell command that sets a parameter of the kernel, now and after each boot."""
    file = "/etc/sysctl.d/60-resiliency-demo.conf"
    return f"echo {parameter}={value} | sudo tee -a {file}; sudo sysctl --system"


def _namespaces() -> Iterator[str]:
    forbidden = {
        "user/max_user_namespaces": ("0", "15000"),
        "kernel/unprivileged_userns_clone": ("0", "1"),  # Debian's
        "kernel/apparmor_restrict_unprivileged_userns": ("1", "0"),  # Ubuntu's, since 24.04
    }
    found = False
    for name, (bad, good) in forbidden.items():
        if _text(kernel.SYSCTL / name).strip() == bad:
            found = True
            parameter = name.replace("/", ".")
            yield (
                f"{parameter} is {bad}, so users may not make namespaces:"
                f" {_setting(parameter, good)}"
            )
    if not found and not list(_ids()) and not list(_programs()):
        trial = ["--user", "--map-root-user", "--map-auto", "--mount", "--net", "--pid", "--fork"]
        unshare = packages.which("unshare") or "unshare"
        try:
            commands.output([unshare, *trial, "--mount-proc", "true"])
        except commands.Failed as reason:
            yield (
                f"unshare {' '.join(trial)} fails ({reason}): it takes util-linux 2.38 or newer,"
                " and in a container --privileged"
            )


def _cgroups() -> Iterator[str]:
    if not cgroups.is_unified(cgroups.ROOT):
        own = keeper.own_cgroups()
        if not own or not all(os.access(folder, os.W_OK) for folder in own.values()):
            yield (
                "the cgroups here are of version 1, which no user is given a part of: boot with"
                " systemd.unified_cgroup_hierarchy=1"
            )
        return
    try:
        said = commands.output(keeper.ASKING, env=environment(), seconds=keeper.SECONDS)
    except (OSError, commands.Failed) as reason:
        yield (
            f"no systemd of the user answers ({reason}), which gives him cgroups: log in by ssh or"
            " on a console instead of by su, or: sudo loginctl enable-linger $USER; on Debian and"
            " Ubuntu it takes the package dbus-user-session"
        )
        return
    group = said.partition('"')[2].rpartition('"')[0]  # s "/user.slice/..."
    has = _text(cgroups.ROOT / group.lstrip("/") / "cgroup.controllers").split()
    if missing := [name for name in CONTROLLERS if name not in has]:
        yield f"systemd does not delegate {', '.join(missing)} to users: {_DELEGATE}"


def _kernel() -> Iterator[str]:
    if not (kernel.SYSCTL / kernel.BRIDGE_FILTER).exists():
        yield f"the kernel's module {kernel.MODULE} is not loaded: {kernel.LOAD}"
    if not _has_inotify(INOTIFY_INSTANCES):
        name = kernel.INOTIFY_LIMIT.replace("/", ".")
        more = _setting(name, str(kernel.INOTIFY_INSTANCES))
        yield f"{name} leaves you fewer than {INOTIFY_INSTANCES}: {more}"


def _has_inotify(instances: int) -> bool:
    """Check whether this user may have so many more, by having them for a moment."""
    opened: list[int] = []
    init = ctypes.CDLL(None).inotify_init
    try:
        while len(opened) < instances:
            if (descriptor := init()) < 0:
                return False
            opened.append(descriptor)
    finally:
        for each in opened:
            os.close(each)
    return True


def environment() -> dict[str, str]:
    """Return this process' environment, with where the user's systemd is, which `su` forgets."""
    if not (folder := runtime_folder()):
        return dict(os.environ)
    bus = {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus"}
    of_user = {"XDG_RUNTIME_DIR": str(folder), **(bus if (folder / "bus").exists() else {})}
    return {**os.environ, **of_user}


def runtime_folder() -> Path | None:
    """Return the user's folder below /run, None where nobody has made it."""
    folder = Path(f"/run/user/{os.getuid()}")
    return folder if folder.is_dir() else None


def _text(file: Path) -> str:
    """Return the text of a file; empty if it is not there or not to be read."""
    try:
        return file.read_text()
    except OSError:
        return ""
