"""kubectl, run to its end: how long it may take, and the reason where it fails."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from foundation.errors import UserError, last_line


class NoAnswer(UserError):
    """A question that kubectl got no answer to; the text is kubectl's reason."""


def run(
    command: Sequence[str],
    *,
    seconds: float,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    apart: bool = False,
) -> str:
    """Return what kubectl prints. Raises NoAnswer when it fails or takes longer than `seconds`.

    `command` begins with the program; `env` is added to the environment. With `apart`, a signal
    typed on the terminal does not reach it.
    """
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            pass_fds=pass_fds,
            start_new_session=apart,
        )
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"no answer in {seconds:g} s") from None
    if done.returncode:
        raise NoAnswer(last_line(done.stderr))
    return done.stdout
