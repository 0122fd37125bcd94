"""A process that outlives a killed drill and mends what it has broken.

Ctrl-C, a signal and a closed terminal are for the drill itself to handle. Against SIGKILL and
crashes stands this one: its standard input ends with the drill, and then it mends what is still
written down.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator

from drills import action
from drills.faults import KNOWN, Fault, named
from drills.journal import Journal
from drills.stack import Stack
from drills.waiting import until
from foundation import files, project, run

SECONDS = 600
"""How long a guard waits for others to mend what it needs itself."""


@contextlib.contextmanager
def standing(stack: Stack, fault: Fault, cluster: str) -> Iterator[int]:
    """Have a fault mended even if this process is killed inside the block.

    Yields the descriptor by which the guard waits for that: for the last process that has it open,
    if others inherit it.
    """
    command = [sys.executable, "-m", "drills.guard", stack.name, fault.name, cluster]
    with subprocess.Popen(
        [*command, "elsewhere"] if stack.elsewhere else command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=project.ROOT,
        start_new_session=True,
    ) as process:
        assert process.stdin
        yield process.stdin.fileno()


def main(name: str, fault: str, cluster: str, *elsewhere: str) -> int:
    """Wait for the end of standard input; then mends what is still written down."""
    for number in run.ENDING:
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.read()
    guarded = named(fault, KNOWN)
    journal = Journal(project.stack_folder(name))
    try:
        if guarded.update:  # Pulumi needs clusters that are well: other guards' work
            until(
                lambda: (fault, cluster) not in _entries(journal) or not _others(journal),
                "all but updates is mended",
                SECONDS,
                pause=1.0,
            )
        with _turn(name) if guarded.update else contextlib.nullcontext():
            if (fault, cluster) in _entries(journal):
                stack = Stack.selected(name, bool(elsewhere))
                action.mend(stack, guarded, cluster, action.announcer(stack))
    except Exception:  # nobody listens; it stays written down, for `status` and `heal-all`
        return 1
    return 0


def _entries(journal: Journal) -> list[tuple[str, str]]:
    return [(entry.fault, entry.cluster) for entry in journal.entries()]


def _others(journal: Journal) -> list[str]:
    """Return what is written down, is known here and is not mended by an update."""
    known = {fault.name for fault in KNOWN if not fault.update}
    return [fault for fault, _ in _entries(journal) if fault in known]


@contextlib.contextmanager
def _turn(name: str) -> Iterator[None]:
    """Let guards that update the stack take turns."""
    with files.locked(project.ROOT / f"Pulumi.{name}.yaml"):
        yield


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
