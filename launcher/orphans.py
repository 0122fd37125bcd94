"""Ends what outlives a killed `pulumi`: providers, language hosts and programs.

They run in process groups of their own and ask seldom, or never, whether their engine is still
there; one that was making a cluster would go on, beside the next `up` that makes the same.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from foundation import processes

PROGRAMS = frozenset(
    {
        "pulumi.dynamic",  # a module: the program's own resources
        "pulumi-resource-kubernetes",
        "pulumi-language-python",
        "pulumi-language-python-exec",  # runs the program
    }
)
"""What Pulumi starts with the address of its engine as an argument."""


def end_orphans(environment: Path) -> None:
    """End those of PROGRAMS that run with this Python environment and whose engine is gone."""
    found = {pid: words for pid, words in processes.command_lines() if engine_port(words)}
    if not found:
        return
    ports = processes.listening()
    for pid, words in found.items():
        # the launcher sets it: the checkout's own name
        own = processes.environment(pid).get("VIRTUAL_ENV") == str(environment)
        if own and engine_port(words) not in ports:
            with contextlib.suppress(OSError):  # it has just ended
                os.kill(pid, signal.SIGKILL)


def engine_port(words: Sequence[str]) -> int:
    """Return the port of the engine that a command line of PROGRAMS names; 0 for any other."""
    if PROGRAMS.isdisjoint(word.rpartition("/")[2] for word in words):
        return 0
    address = next((word for word in words if word.startswith("127.0.0.1:")), "")
    port = address.rpartition(":")[2]
    return int(port) if port.isdigit() else 0
