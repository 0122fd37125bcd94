"""`python -m tests.hosts SYSTEM`: the demo on another distribution, made here from its packages.

The system is a folder that is entered as a root of its own, on this machine's kernel. Everything is
removed at the end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from foundation.entry import entry
from foundation.errors import UserError
from tests.hosts import boot, steps, systems
from tests.hosts.room import Room, room
from tests.hosts.steps import HEADING, Row, Step
from tests.support.checkout import SHOWN_LINES, sweep_abandoned

_FACTS = """. /etc/os-release; echo "$PRETTY_NAME; $(.venv/bin/python --version);\
 $(getconf GNU_LIBC_VERSION); $(git --version); $(iptables --version);\
 $(unshare --version); Linux $(uname -r)\""""


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.hosts", description=__doc__, epilog="Needs root and mmdebstrap."
    )
    parser.add_argument("system", metavar="SYSTEM", help=", ".join(systems.SYSTEMS))
    parser.add_argument(
        "--mirror",
        default="",
        metavar="ADDRESS",
        help=f"of packages (or {systems.MIRROR}; default: that of this machine's apt)",
    )
    parser.add_argument(
        "--boot", action="store_true", help="try it in a machine of its own under QEMU instead"
    )
    parser.add_argument(
        "--uml",
        type=Path,
        metavar="KERNEL",
        help="boot it under User-Mode Linux instead, by the kernel that uml_kernel.sh made",
    )
    parser.add_argument(
        "--rootless",
        action="store_true",
        help="with --boot or --uml: as an ordinary user, without root",
    )
    parser.add_argument(
        "--without-tests", action="store_true", help="leave the unit tests out, which take longest"
    )
    chosen = parser.parse_args()
    return entry(lambda: _run(chosen))


def _run(chosen: argparse.Namespace) -> int:
    system = systems.named(chosen.system)
    if os.geteuid() != 0:
        raise UserError("Systems are made and entered by root: run it as root (sudo -E)")
    needed = {"mmdebstrap": "mmdebstrap", "pivot_root": "util-linux-extra"}
    _check_programs({**needed, **_programs(chosen)})
    mirror = systems.mirror_for(system, chosen.mirror)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    sweep_abandoned()
    with room() as made:
        print(f"{system.name}\n\n{HEADING}", flush=True)
        tests = not chosen.without_tests
        rows = (
            _boot(made, system, mirror, chosen)
            if chosen.boot or chosen.uml
            else _try(made, system, mirror, tests)
        )
    return 0 if all(row.is_good for row in rows) else 1


def _programs(chosen: argparse.Namespace) -> Mapping[str, str]:
    """Return the programs that boot a system, and their Debian packages. Raises UserError."""
    if chosen.uml and not os.access(chosen.uml, os.X_OK):
        raise UserError(f"{chosen.uml} is no kernel: make one by tests/hosts/uml_kernel.sh")
    return boot.DISK if chosen.uml else {**boot.DISK, **boot.QEMU} if chosen.boot else {}


def _check_programs(programs: Mapping[str, str]) -> None:
    """Raise UserError for programs that are not here; the values are Debian's packages."""
    if missing := [program for program in programs if not shutil.which(program)]:
        needed = " ".join(programs[program] for program in missing)
        raise UserError(f"not found: {', '.join(missing)}; run: apt-get install -y {needed}")


def _boot(room: Room, system: systems.System, mirror: str, chosen: argparse.Namespace) -> list[Row]:
    kernel = () if chosen.uml else (boot.KERNELS[system.distribution],)
    further = (*kernel, *boot.INIT)
    walk = steps.USER_STEPS if chosen.rootless else steps.STEPS
    set_up = [step for step in walk if step.title.endswith("set-up")]
    rows = [
        _done("the system, from packages", lambda: room.make(system, mirror, further)),
        _done("copies of checkout and tools", room.furnish),
        *_walked(room, tuple(set_up)),
    ]
    if not all(row.is_good for row in rows):
        return rows
    booted = steps.BOOTED_USER if chosen.rootless else steps.BOOTED
    return rows + boot.boot(room, booted, _shown, chosen.uml)


def _try(room: Room, system: systems.System, mirror: str, tests: bool) -> list[Row]:
    rows = [
        _done("the system, from packages", lambda: room.make(system, mirror)),
        _done("copies of checkout and tools", room.furnish),
        *_walked(room, steps.chosen(steps.STEPS, tests)),
    ]
    begin = time.monotonic()
    found = room.left()
    rows.append(_shown(steps.left_over(time.monotonic() - begin, found)))
    rows += _walked(room, steps.chosen(steps.USER_STEPS, tests))
    print(f"\n{room.run(['sh', '-c', _FACTS], 60)[2].strip()}", flush=True)
    return rows


def _done(title: str, action: Callable[[], None]) -> Row:
    """Return the row of what raises UserError if it fails, for without it nothing can be tried."""
    begin = time.monotonic()
    action()
    return _shown(Row(title, time.monotonic() - begin, "ok", True))


def _walked(room: Room, walk: tuple[Step, ...]) -> list[Row]:
    rows: list[Row] = []
    for step in walk:
        if missing := steps.lacking(step, rows):
            rows.append(_shown(Row(step.title, 0, f"FAILED: not run without {missing}", False)))
            continue
        code, seconds, output = room.run(step.command, step.seconds, step.user)
        rows.append(_shown(steps.judged(step, code, output, seconds)))
        if not rows[-1].is_good:
            print("\n".join(output.splitlines()[-SHOWN_LINES:]), file=sys.stderr, flush=True)
    return rows


def _shown(row: Row) -> Row:
    print(row, flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
