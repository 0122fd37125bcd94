"""A system with a kernel and an init of its own, booted, and what is tried in it.

It is booted under QEMU with its distribution's kernel, or under User-Mode Linux with a given one.
The system is made ready as a room. Its disk is a copy of the room's folder. A unit of systemd runs
`tests/hosts/guest.py` there, which tells of each step by the second serial line.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foundation import commands, run
from foundation.errors import UserError, last_line
from tests.hosts import guest, uml
from tests.hosts.room import Room, environment
from tests.hosts.steps import USER, Row, Step, judged
from toolchain.patience import VARIABLE, factor, scaled

DISK = {"mke2fs": "e2fsprogs"}
QEMU = {"qemu-system-x86_64": "qemu-system-x86"}
KERNELS = {"debian": "linux-image-amd64", "ubuntu": "linux-image-virtual"}
"""Package of the kernel, by distribution."""
INIT = (
    "initramfs-tools", "systemd-sysv", "udev", "dbus", "procps",
    "uidmap", "libpam-systemd", "dbus-user-session", "apparmor",
)  # fmt: skip


@dataclass(frozen=True)
class Way:
    """A way to boot a system."""

    name: str
    seconds: float
    """How long a boot may take."""
    slower: float
    """How much slower programs are than on a common machine."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What programs need to be told in it."""


KVM = Way("with KVM", 120, 1)
EMULATED = Way("emulated", 900, 20)
USER_MODE = Way("User-Mode Linux", 300, 10, uml.VARIABLES)


_DISK = "24G"  # a file with holes
_MEMORY = "8G"
_LOOK_SECONDS = 0.5
_KERNEL_LINE = (
    "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off"
    " systemd.default_timeout_start_sec=600"
)
_AS = {USER: ("runuser", "-u", USER, "--")}
_UNITS = "/etc/systemd/system"
_UNIT = """\
[Service]
ExecStart=/usr/bin/python3 {program} {steps} /dev/ttyS1
[Install]
WantedBy=multi-user.target
"""


def is_accelerated(cpuinfo: str, has_device: bool) -> bool:
    """Check whether KVM works; its device alone may be there and be no help."""
    return has_device and any(flag in cpuinfo.split() for flag in ("svm", "vmx"))


def machine(root: Path, disk: Path, serials: tuple[Path, Path], accelerated: bool) -> list[str]:
    """Return the command that boots the kernel of a system from its disk. No network.

    `serials` are the files of its two serial lines: the console, and what `guest.py` tells.
    """
    kernel, initrd = (
        str(max((root / "boot").glob(f"{name}-*"))) for name in ("vmlinuz", "initrd.img")
    )
    means = (
        ["-accel", "kvm", "-cpu", "host"]
        if accelerated
        else ["-accel", "tcg,thread=multi,tb-size=1024", "-cpu", "max"]
    )
    lines = [word for file in serials for word in ("-serial", f"file:{file}")]
    return [
        "qemu-system-x86_64", *means, "-smp", "2", "-m", _MEMORY, "-nic", "none",
        "-display", "none", "-drive", f"file={disk},if=virtio,format=raw,cache=unsafe", *lines,
        "-kernel", kernel, "-initrd", initrd, "-append", _KERNEL_LINE,
    ]  # fmt: skip


def boot(
    room: Room, walk: Sequence[Step], show: Callable[[Row], Row], kernel: Path | None = None
) -> list[Row]:
    """Boot a copy of a furnished room, and return the rows of the steps that are tried in it.

    `kernel` is one of User-Mode Linux; without it the system's own is booted under QEMU.
    """
    cpuinfo = Path("/proc/cpuinfo").read_text()
    accelerated = is_accelerated(cpuinfo, Path("/dev/kvm").exists())
    way = USER_MODE if kernel else KVM if accelerated else EMULATED
    slower = max(way.slower, factor())
    disk, console, line = (room.root.parent / name for name in ("disk.img", "console", "told"))
    _prepare(room, walk, {**way.variables, VARIABLE: str(slower)}, slower)
    _make_disk(room.root, disk)
    limit = scaled(way.seconds) + slower * sum(step.seconds for step in walk)
    command = (
        uml.machine(kernel, disk, (console, line))
        if kernel
        else machine(room.root, disk, (console, line), accelerated)
    )
    rows: list[Row] = []
    begin = time.monotonic()
    with subprocess.Popen(
        run.tied(command), stdin=subprocess.DEVNULL, start_new_session=True
    ) as booted:
        try:
            for said in told(
                line, lambda: booted.poll() is None and time.monotonic() < begin + limit
            ):
                rows.append(show(_row(said, walk, time.monotonic() - begin, way)))
        finally:
            booted.kill()
    if len(rows) <= len(walk):
        last = last_line(_text(console)) or "nothing"
        failed = f"FAILED: it told of no more; its console ends with: {last}"
        rows.append(show(Row("the machine", time.monotonic() - begin, failed, False)))
    return rows


def _row(said: Mapping[str, Any], walk: Sequence[Step], seconds: float, way: Way) -> Row:
    if said["title"] == guest.BEGIN:
        return Row(f"boot, {way.name}", seconds, said["output"], True)
    step = next(step for step in walk if step.title == said["title"])
    if missing := said.get("missing"):
        return Row(step.title, 0, f"FAILED: not run without {missing}", False)
    row = judged(step, said["code"], said["output"], said["seconds"])
    if not row.is_good:
        print(said["output"], file=sys.stderr, flush=True)
    return row


def _prepare(room: Room, walk: Sequence[Step], variables: Mapping[str, str], slower: float) -> None:
    """Have the system run the steps when it is up."""
    program, steps, unit = (
        Path(name)
        for name in ("/root/guest.py", "/root/steps.json", f"{_UNITS}/demo-trial.service")
    )
    shutil.copyfile(guest.__file__, room.outside(program))
    work = [
        {
            "title": each.title,
            "command": [*_AS.get(each.user, ()), *each.command],
            "seconds": each.seconds * slower,
            "needs": each.needs,
            "folder": str(room.checkout(each.user)),
            "environment": {**environment(os.environ, each.user), **variables},
        }
        for each in walk
    ]
    room.outside(steps).write_text(json.dumps(work))
    room.outside(unit).write_text(_UNIT.format(program=program, steps=steps))
    wanted = room.outside(Path(_UNITS)) / "multi-user.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / unit.name).symlink_to(unit)


def _make_disk(root: Path, disk: Path) -> None:
    """Make a file system of the folder as it is outside of the room, without what is mounted."""
    making = ["mke2fs", "-q", "-t", "ext4", "-d", str(root), str(disk), _DISK]
    try:
        commands.output(run.tied(making))
    except commands.Failed as error:
        raise UserError(f"The disk cannot be made: {error}") from None


def told(file: Path, goes_on: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """Yield what `guest.py` writes to a file, until its end or for as long as it goes on."""
    seen = 0
    while goes_on():
        whole = _text(file).rpartition("\n")[0].splitlines()
        for line in whole[seen:]:
            if (said := json.loads(line))["title"] == guest.END:
                return
            yield said
        seen = len(whole)
        time.sleep(_LOOK_SECONDS)


def _text(file: Path) -> str:
    return file.read_text(errors="replace") if file.exists() else ""
