"""Ports on the host that lead to the balancers, as the lab's own relay leads to our edge.

Each lane goes through a relay of the same kind, so that what it costs is the same for all.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from drills.compare.inside import Inside
from foundation import project, run
from foundation.errors import UserError, last_line
from localkube.machine import cgroups, enter, listen, serve

Targets = Mapping[str, tuple[str, int]]
"""Name -> address and port in the other network."""


@contextlib.contextmanager
def ports(inside: Inside, targets: Targets, log: Path) -> Iterator[dict[str, int]]:
    """Give the port on 127.0.0.1 that leads to each target, while the block lasts.

    What the process that carries says goes to `log`: a pipe that nobody reads would stop it. Raises
    UserError if it does not start.
    """
    words = [f"{name}={address}:{port}" for name, (address, port) in targets.items()]
    where = [str(inside.network), inside.cgroup]
    command = [sys.executable, "-m", "drills.compare.way_in", *where, *words]
    with log.open("w") as errors:
        process = subprocess.Popen(
            run.tied(command),
            cwd=project.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # Ctrl-C is for who waits for the end of the comparison
        )
    with process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            if not line:
                said = last_line(log.read_text())
                raise UserError(f"the relay to the balancers did not start: {said}")
            yield json.loads(line)
        finally:
            process.kill()


def main(network: str, cgroup: str, *words: str) -> None:
    """Open a port for each target, say which, enter the network and carry."""
    if cgroup:
        cgroups.join(cgroup)
    found: dict[str, int] = {}
    listeners = {}
    for word in words:
        name, _, target = word.partition("=")
        address, _, port = target.rpartition(":")
        listener = listen(0)
        listeners[listener] = (address, int(port))
        found[name] = listener.getsockname()[1]
    enter(Path(network))
    print(json.dumps(found), flush=True)
    asyncio.run(serve(listeners))


if __name__ == "__main__":
    main(*sys.argv[1:])
