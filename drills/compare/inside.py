"""Become a program in a network, and in a cgroup, of the lab: where the edge's own pods are.

Pods come first when the processor is short (`localkube.cgroups`). A balancer beside them would be
starved, and would seem to lose what the machine did not let it answer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from localkube.machine import cgroups, enter


@dataclass(frozen=True)
class Inside:
    """Where a balancer is to run."""

    network: Path
    """The network namespace of the edge's node."""
    cgroup: str = ""
    """Below the lab's, so that it weighs as much as a node; empty: that of the caller."""

    def command(self, folder: Path, command: Sequence[str]) -> list[str]:
        """Return the command line that runs another one there, in a folder."""
        words = [str(self.network), self.cgroup, str(folder)]
        return [sys.executable, "-m", "drills.compare.inside", *words, *command]


def main(network: str, cgroup: str, folder: str, *command: str) -> None:
    """Go there and become the command."""
    if cgroup:
        cgroups.join(cgroup)
    enter(Path(network))
    os.chdir(folder)
    os.execv(command[0], command)  # its words are this package's own


if __name__ == "__main__":
    main(*sys.argv[1:])
