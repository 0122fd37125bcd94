"""User-Mode Linux: a kernel that is an ordinary process, so it needs no KVM.

Programs run as fast as on this machine. System calls and page faults take some ten times as long,
which is much less than where everything is emulated. `uml_kernel.sh` makes the kernel.
"""

from __future__ import annotations

import os
from pathlib import Path

MEMORY = "10G"

_AVX512 = ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")

VARIABLES = {"GODEBUG": ",".join(f"cpu.{name}=off" for name in _AVX512)}
"""Environment of its programs. Go's collector uses AVX-512: with it API servers stood still, all
their threads waiting, in most runs; without it in none."""

# the kernel and a process take turns: on one processor they need not wake another one (measured:
# half the time)
_START = 'cpu=$1 told=$2; shift 2; exec taskset --cpu-list "$cpu" "$@" > "$0" 2>&1 3> "$told"'


def machine(kernel: Path, disk: Path, serials: tuple[Path, Path]) -> list[str]:
    """Return the command that boots a kernel of User-Mode Linux from a disk. No network.

    `serials` are the files of its two serial lines: the console, and what `guest.py` tells.
    """
    console, told = map(str, serials)
    cpu = max(os.sched_getaffinity(0))
    return [
        "sh", "-c", _START, console, str(cpu), told, "env", "TMPDIR=/dev/shm", str(kernel),
        f"mem={MEMORY}", f"uml_dir={disk.parent}/", "umid=uml", "seccomp=on", f"ubd0={disk}",
        "root=/dev/ubda", "rw", "con=null", "ssl=null", "ssl0=null,fd:1", "ssl1=null,fd:3",
        "console=ttyS0", "systemd.default_timeout_start_sec=600",
    ]  # fmt: skip
