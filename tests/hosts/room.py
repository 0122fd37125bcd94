"""A system in a folder, entered in mount and PID namespaces of its own, and its end.

Its first process ignores the end of its children, so the kernel reaps whatever is orphaned. When it
is killed the kernel kills everything else in the namespace, a lab too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from foundation import project, run
from foundation.errors import UserError, last_line
from localkube import cgroups, folders
from localkube.spec import lab_cgroup
from tests.hosts import systems
from tests.hosts.steps import USER
from tests.support.checkout import choose_ports, copy_files, is_free, kill_session, own
from toolchain import tools
from toolchain.patience import scaled

MAKING_SECONDS = 1200
_TAKEN_ALONG = ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf")
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_VARIABLES = (
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_CERT", "PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT",
    "DEMO_PATIENCE", "DEMO_TOOLS_MIRROR",
)  # fmt: skip
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FIRST = """
import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # in dash, a trap does not last through exec
print("ready", flush=True)
os.execvp("sleep", ["sleep", "infinity"])
"""
_MOUNTS = """
mount --rbind "$0" "$0"
cd "$0"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=0755 run run
pivot_root . mnt
umount --lazy /mnt
"""
_NAMESPACES = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_GONE_SECONDS = 10.0


def environment(base: Mapping[str, str], user: str) -> dict[str, str]:
    """Return the variables of a command of this user in a room, `base` being those outside."""
    kept = {name: text for name, text in base.items() if name.upper() in _VARIABLES}
    home = "/root" if user == "root" else f"/home/{user}"
    return {**kept, "HOME": home, "USER": user, "PATH": _PATH, "LANG": "C.UTF-8", "TERM": "dumb"}


class Room:
    """The system; `room` begins one and removes it."""

    def __init__(self, folder: Path, first: int) -> None:
        self.name = folder.name
        self.root = folder / "root"
        self.first = first
        """Id of its first process, as seen from outside."""
        self.ports: list[int] = []

    def checkout(self, user: str = "root") -> Path:
        """Return the checkout of a user, as it is named inside."""
        return Path(environment({}, user)["HOME"]) / self.name

    def outside(self, path: Path) -> Path:
        """Return a path inside as it is named outside."""
        return self.root / path.relative_to("/")

    @property
    def lab(self) -> Path:
        """The lab of root's checkout, as it is named inside."""
        return self.checkout() / ".demo" / "west" / "lab"

    def make(self, system: systems.System, mirror: str, further: Iterable[str] = ()) -> None:
        """Make the system from packages, `further` ones among them. Raises UserError."""
        made = systems.making(system, mirror, self.root, further)
        code, said = self.enter(made, scaled(MAKING_SECONDS))
        if code != 0:
            raise UserError(f"{system.name} cannot be made from packages: {last_line(said)}")

    def mount(self) -> None:
        """Mount what programs expect, and make the system the namespace's root. Raises UserError.

        A chroot would not do: `runc exec`, by which probes run, enters a container's mount
        namespace, whose root would still be that of this machine.
        """
        code, said = self.enter(["sh", "-ec", _MOUNTS, str(self.root)], 60)
        if code != 0:
            raise UserError(f"The system in {self.root} cannot be entered: {last_line(said)}")

    def furnish(self) -> None:
        """Copy the checkout and the tools in, and make the ordinary user. Raises UserError."""
        self.mount()
        for name in _TAKEN_ALONG:
            if Path(name).is_file():
                target = self.outside(Path(name))
                target.unlink(missing_ok=True)  # may be a link that leads elsewhere
                shutil.copyfile(name, target)
        shutil.copyfile(_CERTIFICATES, self.outside(Path(_CERTIFICATES)))
        copy_files(project.ROOT, self.outside(self.checkout()))
        self.ports = list(choose_ports(self.outside(self.checkout())).values())
        here, there = f"/root/{self.name}", f"/home/{USER}/{self.name}"
        store = Path(".cache") / tools.NAME
        self.outside(Path("/root") / store).mkdir(parents=True)
        commands = [
            f"useradd --create-home --shell /bin/sh {USER}",
            f"cp --archive {here} {there}",
            f"cp --archive --reflink=auto /root/.cache /home/{USER}/",
            f"chown --recursive {USER}: /home/{USER}",
        ]
        kept = tools.cache_dir() / "store"
        if kept.is_dir():
            copy = ["cp", "--archive", "--reflink=auto", str(kept)]
            subprocess.run([*copy, str(self.outside(Path("/root") / store))], check=True)
        code, _, said = self.run(["sh", "-c", " && ".join(commands)], 300, folder=Path("/"))
        if code != 0:
            raise UserError(f"The checkout cannot be copied: {last_line(said)}")

    def run(
        self, command: Sequence[str], seconds: float, user: str = "root", folder: Path | None = None
    ) -> tuple[int | None, float, str]:
        """Run a command inside; return exit code (None after `seconds`), time and output."""
        begin = time.monotonic()
        variables = [f"{k}={v}" for k, v in environment(os.environ, user).items()]
        go = ["sh", "-c", 'cd "$0" && exec "$@"', str(folder or self.checkout(user)), *command]
        if user != "root":
            go = ["runuser", "-u", user, "--", *go]
        code, said = self.enter(["env", "-i", *variables, *go], scaled(seconds))
        return code, time.monotonic() - begin, said

    def enter(self, command: Sequence[str], seconds: float) -> tuple[int | None, str]:
        """Run a command in the namespaces; until `mount`, on this machine's files.

        Return its exit code, None where it took longer, and its output.
        """
        entering = ["nsenter", f"--target={self.first}", "--mount", "--pid", "--", *command]
        with tempfile.TemporaryFile() as log:  # a pipe would be held open by what stays running
            process = subprocess.Popen(
                run.tied(entering),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code: int | None = process.wait(seconds)
            except subprocess.TimeoutExpired:
                kill_session(process)
                code = None
            log.seek(0)
            return code, log.read().decode(errors="replace")

    def left(self) -> list[str]:
        """Return what a lab has left, in words; what is ending is waited for."""
        until = time.monotonic() + scaled(_GONE_SECONDS)
        while (found := self._left()) and time.monotonic() < until:
            time.sleep(0.2)
        return found

    def _left(self) -> list[str]:
        found = list(self.processes())
        if cgroups.exists(lab_cgroup(self.lab)):
            found.append(f"cgroup {lab_cgroup(self.lab)}")
        mounts = Path(f"/proc/{self.first}/mountinfo").read_text()
        found += [f"mount {line.split()[4]}" for line in mounts.splitlines() if "localkube" in line]
        if (folder := self.outside(self.lab.parent)).exists():
            found.append(f"folder .demo/{folder.name}")
        found += [f"port {port}" for port in self.ports if not is_free(port)]
        _, _, changed = self.run(["git", "status", "--porcelain"], 60)
        return [*found, *(f"git: {line.strip()}" for line in changed.splitlines())]

    def processes(self) -> Iterator[str]:
        """Yield each process of the namespace but the first."""
        seen = Path(f"/proc/{self.first}/root/proc")
        for entry in seen.iterdir():
            if entry.name.isdigit() and entry.name != "1":
                with contextlib.suppress(OSError):
                    yield f"process {(entry / 'comm').read_text().strip()}"


@contextlib.contextmanager
def room() -> Iterator[Room]:
    """Begin a room that has no system yet; at the end nothing of it is left, whatever runs in it.

    Raises UserError.
    """
    folder = Path(tempfile.mkdtemp(prefix="demo-")).resolve()
    made = None
    outer = None
    try:
        own(folder)  # should this process be killed, the next run of tests removes the folder
        outer = subprocess.Popen(
            run.tied(["unshare", *_NAMESPACES, sys.executable, "-c", _FIRST]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert outer.stdout
        if not outer.stdout.readline():
            raise UserError("This machine allows no new namespaces: use a virtual machine")
        made = Room(folder, psutil.Process(outer.pid).children()[0].pid)
        yield made
    finally:
        with _undisturbed():
            if outer:
                _end(outer)
            if made:
                cgroups.remove(lab_cgroup(made.lab))
            folders.remove(folder)


def _end(outer: subprocess.Popen[bytes]) -> None:
    """End the first process; the command that waits for it ends when all in the room has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in psutil.Process(outer.pid).children():
            process.kill()
    outer.communicate()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Hear no signal that asks for an end meanwhile."""
    asking = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in asking}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
