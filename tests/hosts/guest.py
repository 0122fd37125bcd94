"""Run each step of a file in a booted system, and tell of them by a serial line.

Copied there alone, so it needs nothing but Python. A line of JSON tells of each step.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

BEGIN = "booted"
"""Title of what is told first."""
END = "end"
"""Title of what is told last."""

OUTPUT = Path("/root/output")
"""What the step that runs has printed."""

SHOWING = 'exec tail --follow "$0" > /dev/console'
"""Shell command that shows a growing file on the console, for who waits."""

_LINES = 40
"""Last lines of a step's output that are told."""


def main(steps: str, line: str) -> None:
    """Run the steps of the file `steps`, as `boot.py` writes it, and tell the device `line`."""
    work: list[dict[str, Any]] = json.loads(Path(steps).read_text())
    with Path(line).open("w") as serial:

        def tell(**what: Any) -> None:
            print(json.dumps(what), file=serial, flush=True)

        tell(title=BEGIN, output=system())
        good: set[str] = set()
        for step in work:
            if missing := [title for title in step["needs"] if title not in good]:
                tell(title=step["title"], missing=missing[0])
                continue
            begin = time.monotonic()
            code, output = _run(step)
            if code == 0:
                good.add(step["title"])
            tell(
                title=step["title"],
                code=code,
                seconds=time.monotonic() - begin,
                output="\n".join(output.splitlines()[-_LINES:]),
            )
        tell(title=END)


def _run(step: dict[str, Any]) -> tuple[int | None, str]:
    """Return exit code and output of a step; no code where it took too long."""
    with OUTPUT.open("w") as log:  # a pipe is held open by what goes on running
        process = subprocess.Popen(
            step["command"],
            cwd=step["folder"],
            env=step["environment"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        shown = subprocess.Popen(["sh", "-c", SHOWING, str(OUTPUT)])
        code: int | None
        try:
            code = process.wait(step["seconds"])
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = None
        shown.kill()
        shown.wait()
        return code, OUTPUT.read_text(errors="replace")


def system() -> str:
    """Return what this system is, in a line."""
    release = platform.freedesktop_os_release()
    init = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=False)
    version = " ".join(init.stdout.split()[:2])
    trees = Path("/sys/fs/cgroup/cgroup.controllers")
    cgroups = f"version 2 ({trees.read_text().strip()})" if trees.exists() else "version 1"
    return f"{release['PRETTY_NAME']}, Linux {platform.release()}, {version}, cgroup {cgroups}"


if __name__ == "__main__":
    main(*sys.argv[1:])
