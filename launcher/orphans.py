"""Ends what outlives a killed `pulumi`: providers, language hosts and programs.

They run in process groups of their own and ask seldom, or never, whether their engine is still
there; one that was making a cluster would go on, beside the next `up` that makes the same.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Container
from pathlib import Path

PROGRAMS = frozenset(
    {
        "pulumi.dynamic",  # a module: the program's own resources
        "pulumi-resource-kubernetes",
        "pulumi-language-python",
        "pulumi-language-python-exec",  # runs the program
    }
)
"""What Pulumi starts with the address of its engine as an argument."""

_LISTENING = "0A"


def end_orphans(environment: Path) -> None:
    """End those of PROGRAMS that run with this Python environment and whose engine is gone."""
    ports = listening_ports(Path("/proc/net/tcp").read_text())
    variable = f"VIRTUAL_ENV={environment}"  # the launcher sets it: the checkout's own name
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):  # another user's, or it has just ended
                words = _words(process / "cmdline")
                if is_orphan(words, ports) and variable in _words(process / "environ"):
                    os.kill(int(process.name), signal.SIGKILL)


def _words(file: Path) -> list[str]:
    return file.read_bytes().decode(errors="replace").split("\0")


def is_orphan(words: list[str], listening: Container[int]) -> bool:
    """Whether a command line is one of PROGRAMS whose engine's port nobody listens at."""
    if PROGRAMS.isdisjoint(word.rpartition("/")[2] for word in words):
        return False
    address = next((word for word in words if word.startswith("127.0.0.1:")), "")
    port = address.rpartition(":")[2]
    return port.isdigit() and int(port) not in listening


def listening_ports(table: str) -> set[int]:
    """Ports of the listening sockets in the text of /proc/net/tcp."""
    rows = (line.split() for line in table.splitlines()[1:])
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == _LISTENING}
