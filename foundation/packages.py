"""Packages of the operating system that the demo needs: found, installed or named.

Only the standard library is used: `demo` needs this before the virtual environment exists.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass

from foundation.errors import UserError, last_line

# where Debian keeps tools that an ordinary user's PATH leaves out
SYSTEM_FOLDERS = ("/usr/sbin", "/sbin")

# what the embedded clusters run, and the Debian packages that have it
TO_RUN = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "ip": "iproute2",
    "iptables": "iptables",
}


# a machine that has just started upgrades itself and holds the lock
_PATIENT = ("-o", "DPkg::Lock::Timeout=300")


@dataclass(frozen=True)
class Need:
    """What is missing, for whom, and the Debian package that has it."""

    what: str
    reason: str
    package: str


def search_path(path: str) -> str:
    """Return `path` with the system folders at its end."""
    entries = path.split(os.pathsep)
    return os.pathsep.join([*entries, *(f for f in SYSTEM_FOLDERS if f not in entries)])


def which(command: str) -> str | None:
    """Return what shutil.which finds, in the system folders too."""
    return shutil.which(command, path=search_path(os.environ.get("PATH", os.defpath)))


def missing_to_run() -> list[Need]:
    """Return what the embedded clusters need of the system and is not there."""
    reason = "the embedded clusters need it"
    return [
        Need(command, reason, package)
        for command, package in TO_RUN.items()
        if which(command) is None
    ]


def missing_to_compile(seccomp: bool = True) -> list[Need]:
    """Return what compiling C code needs and is not there: of runc, or without `seccomp` of less.

    The program that holds a pod's namespaces is compiled on each machine, by gcc alone.
    """
    reason = "runc is built with it" if seccomp else "the embedded clusters need it"
    needs = [] if which("gcc") else [Need("gcc", reason, "gcc")]
    if needs or not _compiles("stdlib.h", "-static"):
        # Fedora has it apart from the headers
        what = "a static C library (libc.a; Fedora: glibc-static)"
        needs.append(Need(what, reason, "libc6-dev"))
    if seccomp and (len(needs) > 1 or not _compiles("seccomp.h", "-static", "-lseccomp")):
        what = "a static libseccomp (seccomp.h, libseccomp.a; Fedora: libseccomp-static)"
        needs.append(Need(what, reason, "libseccomp-dev"))
    if seccomp and not which("pkg-config"):  # no compiler asks for it: Go does
        needs.append(Need("pkg-config", reason, "pkg-config"))
    return needs


def _compiles(header: str, how: str, *libraries: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["gcc", how, "-o", f"{folder}/out", "-x", "c", "-", *libraries],
            input=f"#include <{header}>\nint main(void) {{ return 0; }}\n",
            text=True,
            capture_output=True,
            check=False,
        )
    return done.returncode == 0


def install(needs: Iterable[Need]) -> None:
    """Install what `needs` names, as root where apt is; else refuses with the command."""
    needs = list(needs)
    if not needs:
        return
    packages = sorted({need.package for need in needs})
    what = "; ".join(f"{need.what} is missing ({need.reason})" for need in needs)
    command = f"apt-get install -y {' '.join(packages)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sudo = "" if os.geteuid() == 0 else "sudo "
        raise UserError(
            f"{what}.\nInstall it, on Debian or Ubuntu by: {sudo}{command} - then run this again"
        )
    print(f"{what}: {command}", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", *_PATIENT, "--no-install-recommends", *packages],
    ):
        done = subprocess.run(step, env=quiet, capture_output=True, text=True, check=False)
        # an update may fail for one repository of many; the installation tells
        if done.returncode != 0 and "install" in step:
            last = last_line(done.stderr)
            raise UserError(f"{command} failed: {last}\nInstall it by hand, then run this again")
