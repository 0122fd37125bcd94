"""The live picture beside drills: a program of its own, and nothing counted depends on it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from drills.say import Say
from foundation import project
from toolchain.patience import scaled

FILE = "topology.jsonl"
PAGE = "topology.html"
"""The picture's record in the folder of a run, and the page that plays it."""

_SECONDS = 30
"""How long an answer may take; who is silent longer is given up."""


_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def script_hashes(page: str) -> list[str]:
    """Return how a Content-Security-Policy names each script of a page."""
    digests = [hashlib.sha256(script.encode()).digest() for script in _SCRIPT.findall(page)]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


class LivePicture:
    """A picture that is served, and records what it is told to. It may end at any time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.address = self._answer()
        """Of the page; empty if there is none."""

    @contextlib.contextmanager
    def recorded(self, folder: Path, say: Say) -> Iterator[None]:
        """Record the picture into a run's folder while the block runs."""
        begun = self._ask(f"record {folder / FILE}")
        if begun != "begun":
            say(f"The live picture is not recorded: {begun or 'its program has ended'}.")
        try:
            yield
        finally:
            if begun == "begun":
                self._ask("end")

    def _ask(self, line: str) -> str:
        assert self._process.stdin
        try:
            self._process.stdin.write(f"{line}\n".encode())
        except OSError:
            return ""
        return self._answer()

    def _answer(self) -> str:
        stream = self._process.stdout
        assert stream
        ready, _, _ = select.select([stream], [], [], scaled(_SECONDS))
        if not ready:
            self._process.kill()  # a late answer would be taken for the next one
        return stream.readline().decode().strip() if ready else ""


@contextlib.contextmanager
def served(stack: str, say: Say) -> Iterator[LivePicture | None]:
    """Serve the live picture of a stack while the block runs; None if it cannot be had."""
    with subprocess.Popen(
        [sys.executable, "-m", "topology", "--for-drills", "--stack", stack],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        cwd=project.ROOT,
        start_new_session=True,  # Ctrl-C is for the drill, whose end ends this one
    ) as process:
        try:
            made = LivePicture(process)
            say(f"Live picture: {made.address}" if made.address else "There is no live picture.")
            yield made if made.address else None
        finally:
            assert process.stdin
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
