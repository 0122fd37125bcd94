"""A system with a kernel and an init of its own, booted under QEMU up to the console's login.

Where the processor helps, that takes half a minute; emulated on two cores, from two to eight.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from foundation import run
from foundation.errors import UserError, last_line
from tests.hosts.room import Room
from tests.hosts.steps import Row
from toolchain.patience import scaled

PROGRAMS = {"qemu-system-x86_64": "qemu-system-x86", "mke2fs": "e2fsprogs"}
KERNELS = {"debian": "linux-image-amd64", "ubuntu": "linux-image-virtual"}
"""Package of the kernel, by distribution."""
INIT = ("initramfs-tools", "systemd-sysv", "udev")
SECONDS = {True: 120.0, False: 900.0}
"""How long a boot may take with the processor's help and without."""

_DISK = "8G"  # a file with holes
_LOOK_SECONDS = 0.5
_KERNEL_LINE = "root=/dev/vda rw console=ttyS0 systemd.default_timeout_start_sec=600"


def is_accelerated(cpuinfo: str, has_device: bool) -> bool:
    """Check whether KVM works; its device alone may be there and be no help."""
    return has_device and any(flag in cpuinfo.split() for flag in ("svm", "vmx"))


def machine(root: Path, disk: Path, console: Path, accelerated: bool) -> list[str]:
    """Return the command that boots the kernel of a system from its disk. No network."""
    kernel, initrd = (
        str(max((root / "boot").glob(f"{name}-*"))) for name in ("vmlinuz", "initrd.img")
    )
    means = ["-accel", "kvm", "-cpu", "host"] if accelerated else ["-accel", "tcg", "-cpu", "max"]
    return [
        "qemu-system-x86_64", *means, "-smp", "2", "-m", "2G", "-nic", "none", "-display", "none",
        "-drive", f"file={disk},if=virtio,format=raw,cache=unsafe", "-serial", f"file:{console}",
        "-kernel", kernel, "-initrd", initrd, "-append", _KERNEL_LINE,
    ]  # fmt: skip


def boot(room: Room) -> Row:
    """Boot the system of a room, and end it when its console asks for a login."""
    disk, console = (room.root.parent / name for name in ("disk.img", "console.log"))
    code, said = room.enter(
        ["mke2fs", "-q", "-t", "ext4", "-d", str(room.root), str(disk), _DISK], 600
    )
    if code != 0:
        raise UserError(f"The disk cannot be made: {last_line(said)}")
    cpuinfo = Path("/proc/cpuinfo").read_text()
    accelerated = is_accelerated(cpuinfo, Path("/dev/kvm").exists())
    begin = time.monotonic()
    until = begin + scaled(SECONDS[accelerated])
    command = run.tied(machine(room.root, disk, console, accelerated))
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True) as qemu:
        try:
            while not (shown := _said(console)).endswith("login: "):
                if qemu.poll() is not None or time.monotonic() > until:
                    last = (shown.strip().splitlines() or ["nothing"])[-1]
                    return Row("boot", time.monotonic() - begin, f"FAILED after: {last}", False)
                time.sleep(_LOOK_SECONDS)
        finally:
            qemu.kill()
    how = "with KVM" if accelerated else "emulated"
    return Row("boot", time.monotonic() - begin, f"asks for a login, {how}", True)


def _said(console: Path) -> str:
    return console.read_text(errors="replace") if console.exists() else ""
