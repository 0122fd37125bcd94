"""Commands run to their end: what they print, and the reason where they fail."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from foundation.errors import UserError, last_line


class Failed(UserError):
    """A command that failed or took too long; the text is its reason."""

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(reason)
        self.said = said
        """All that it printed as errors."""


def output(
    command: Sequence[str],
    *,
    seconds: float | None = None,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    pass_fds: Sequence[int] = (),
    apart: bool = False,
) -> str:
    """Return what a command prints; `env` is its whole environment, if not this one.

    With `apart`, a signal typed on the terminal does not reach it. Raises Failed when it fails or
    takes longer than `seconds`, and OSError when it is not there.
    """
    try:
        done = subprocess.run(
            command,
            env=env,
            cwd=folder,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds,
            pass_fds=pass_fds,
            start_new_session=apart,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"no answer in {seconds:g} s") from None
    if done.returncode:
        raise Failed(last_line(done.stderr), done.stderr)
    return done.stdout
