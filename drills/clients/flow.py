"""A client's steady flow: a process that sends by the library, and what it said."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from drills.clients.catalogue import Client, Found
from foundation import run
from foundation.errors import UserError

PATIENCE = 5.0
"""Seconds at the end in which an answer may still come; most clients would wait for ever."""


@dataclass(frozen=True)
class Request:
    """One request of a client, or message, as its user saw it."""

    id: str
    """`<run>-<number>`, sent as `x-demo-request`."""
    due: float
    """Seconds since the epoch."""
    seconds: float
    status: int = 0
    cluster: str = ""
    error: str = ""
    """The library's own words; empty with an answer."""

    @property
    def lost(self) -> bool:
        """Whether the user got no good answer: an error, or a status other than 2xx and 3xx."""
        return bool(self.error) or not 200 <= self.status < 400

    @property
    def why(self) -> str:
        """What a lost request ended with."""
        return self.error or f"status {self.status}"


def plan_of(
    client: Client, run: str, url: str, ca_file: Path, rate: float, mended: bool
) -> dict[str, Any]:
    """Return what the client's program is told. `rate`: requests a second."""
    return {
        "way": client.way,
        "variant": client.variant,
        "run": run,
        "url": url,
        "ca": str(ca_file),
        "rate": rate,
        "patience": PATIENCE,
        "mended": mended,
    }


class Flow:
    """What one client sends from `start` to `stop`; a with-statement does both."""

    def __init__(self, client: Client, found: Found, plan: dict[str, Any], folder: Path) -> None:
        """`folder` is for what has to be compiled. Nothing happens yet."""
        self.client = client
        self.found = found
        self.requests: list[Request] = []
        self.problem = ""
        """Why the program ended before it was told to; empty if it did not."""
        self._plan = plan
        self._folder = folder
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    @property
    def has_answer(self) -> bool:
        """Whether the client has got its first good answer, or will get none."""
        ended = self._reader is not None and not self._reader.is_alive()
        return ended or any(not request.lost for request in list(self.requests))

    def start(self) -> None:
        """Begin to send. Raises UserError if the program cannot be started."""
        command = self.client.command(self._plan, self._folder)
        env = {**os.environ, "NODE_EXTRA_CA_CERTS": self._plan["ca"]}
        try:
            self._process = subprocess.Popen(
                run.tied(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=env,
                cwd=Path(__file__).parents[2],  # a program may be a module of this package
                start_new_session=True,  # Ctrl-C is for the drill
            )
        except OSError as error:
            raise UserError(f"{self.client.name} cannot be started: {error}") from None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """Send no more and wait for what is under way; stopping twice is no error."""
        process, self._process = self._process, None
        if process is None or self._reader is None:
            self._errors.close()
            return
        assert process.stdin
        early = process.poll() is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(PATIENCE + 10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._reader.join()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        self._errors.close()
        if early or not self.requests:
            self.problem = (
                said[-1] if said else f"its program ended: exit code {process.returncode}"
            )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _read(self) -> None:
        assert self._process and self._process.stdout
        with self._process.stdout as lines:
            for line in lines:
                with contextlib.suppress(ValueError, TypeError):  # a library's own words
                    self.requests.append(Request(**json.loads(line)))
