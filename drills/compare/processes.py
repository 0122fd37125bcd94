"""One balancer as a process of this machine, which ends with the comparison however that ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from drills.compare import usage
from drills.compare.balancers import Balancer
from drills.compare.configuration import Settings, render
from drills.compare.inside import Inside
from drills.compare.programs import Program
from foundation import packages, project, run
from foundation.errors import UserError, last_line
from localkube.machine import cgroups

_END_SECONDS = 3.0
"""How long a program may take to end by itself."""


@dataclass
class Running:
    """A balancer that was started."""

    balancer: Balancer
    program: Program
    process: subprocess.Popen[bytes]
    log: Path
    inside: Inside | None

    @property
    def problem(self) -> str:
        """Return why it has ended; empty while it runs."""
        code = self.process.poll()
        if code is None:
            return ""
        return f"it ended with exit code {code}: {last_line(self.log.read_text(errors='replace'))}"

    def usage(self) -> usage.Usage:
        """Return what all its processes have used so far."""
        return usage.of(usage.descendants(self.process.pid))

    def stop(self) -> None:
        """End all its processes, which share a group."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_END_SECONDS)
        if self.inside and self.inside.cgroup:
            cgroups.clear(self.inside.cgroup)


def start(
    balancer: Balancer, program: Program, settings: Settings, inside: Inside | None = None
) -> Running:
    """Start a balancer, in the lab if that is given. Raises UserError.

    Returns at once; whether it answers is for the caller to find out.
    """
    folder = settings.folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        text = balancer.file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{balancer.file} cannot be read: {error}") from None
    file = folder / f"configuration{balancer.kind.suffix}"
    file.write_text(render(text, settings, str(balancer.file)))
    log = folder / "log"
    arguments = [word.format(file=file) for word in balancer.kind.arguments]
    homes = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            run.tied(_there(inside, folder, [str(program.path), *arguments])),
            cwd=project.ROOT if inside else folder,
            env={**program.environment, **homes},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    return Running(balancer, program, process, log, inside)


def _there(inside: Inside | None, folder: Path, command: list[str]) -> list[str]:
    """Return the command in the lab, where workers end with their parent as well."""
    if inside is None:
        return command
    alone = [packages.which("unshare") or "unshare", "--pid", "--fork", "--kill-child"]
    return inside.command(folder, [*alone, *command])
