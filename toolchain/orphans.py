"""Ends what outlives a killed `pulumi`: its providers and its language host.

They run in process groups of their own and never ask whether their engine is still there. One
that was making a cluster would go on, beside the next `up` that makes the same; the others stay.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Container
from pathlib import Path

_LISTENING = "0A"
_PLUGINS = ("pulumi-resource-", "pulumi-language-")


def end_orphans(python: Path, project: Path) -> None:
    """End what a killed engine started for `project`, whose environment's Python is `python`."""
    ports = listening_ports(Path("/proc/net/tcp").read_text())
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):  # it has just ended
                words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if is_orphan(words, (process / "cwd").readlink() == project, python, ports):
                    os.kill(int(process.name), signal.SIGKILL)


def is_orphan(words: list[str], at_home: bool, python: Path, listening: Container[int]) -> bool:
    """Return whether a command line is such a process's, whose engine listens no more.

    One of its words is the engine's address. Plugins are the same programs in every project, so
    these count only `at_home`: with the project as their working directory, which the engine gives.
    """
    plugin = at_home and Path(words[0]).name.startswith(_PLUGINS)
    if not plugin and (words[0] != str(python) or "pulumi.dynamic" not in words):
        return False
    address = next((word for word in words if word.startswith("127.0.0.1:")), "")
    port = address.rpartition(":")[2]
    return port.isdigit() and int(port) not in listening


def listening_ports(table: str) -> set[int]:
    """Ports of the listening sockets in the text of /proc/net/tcp."""
    rows = (line.split() for line in table.splitlines()[1:])
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == _LISTENING}
