"""Ends what outlives a killed `pulumi`: providers of the program's own resources.

They run in process groups of their own and never ask whether their engine is still there; one that
was making a cluster would go on, beside the next `up` that makes the same.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Container
from pathlib import Path

_LISTENING = "0A"


def end_orphans(python: Path) -> None:
    """Ends the dynamic providers that this `python` runs and whose engine is gone."""
    ports = listening_ports(Path("/proc/net/tcp").read_text())
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):  # it has just ended
                words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if is_orphan(words, python, ports):
                    os.kill(int(process.name), signal.SIGKILL)


def is_orphan(words: list[str], python: Path, listening: Container[int]) -> bool:
    """Whether a command line is such a provider's; its last word is the engine's address."""
    if words[0] != str(python) or "pulumi.dynamic" not in words:
        return False
    address = next((word for word in words if word.startswith("127.0.0.1:")), "")
    port = address.rpartition(":")[2]
    return port.isdigit() and int(port) not in listening


def listening_ports(table: str) -> set[int]:
    """Ports of the listening sockets in the text of /proc/net/tcp."""
    rows = (line.split() for line in table.splitlines()[1:])
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == _LISTENING}
