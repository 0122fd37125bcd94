"""Commands that are started, say that they are ready, and wait for the word to go on.

What takes long, as `kubectl exec` does on a busy machine, is over before anything is broken.
"""

from __future__ import annotations

import contextlib
import select
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from foundation.errors import UserError, last_line

READY = "ready"
"""The line that such a command prints; it then reads a line and goes on, or ends with its input."""

SECONDS = 20.0
"""How long a command may take to be ready, and then to end."""


@contextlib.contextmanager
def all_ready(
    commands: Mapping[str, Sequence[str]], cluster: str, seconds: float = SECONDS
) -> Iterator[Callable[[], dict[str, str]]]:
    """Start commands, by pod, and wait until all are ready.

    What is handed out lets all go on, and returns what each has printed since, by pod. A signal
    typed on the terminal does not reach them; they end with the block, and with this process.
    Raises UserError, as the function does, when one fails or takes longer than `seconds`.
    """
    with contextlib.ExitStack() as stack:
        started = {pod: stack.enter_context(_started(line)) for pod, line in commands.items()}
        until = time.monotonic() + seconds
        for pod, process in started.items():
            _wait_ready(process, f"{cluster}: kubectl exec in {pod}", until)

        def go() -> dict[str, str]:
            for process in started.values():
                assert process.stdin
                with contextlib.suppress(BrokenPipeError):  # it says below why it has ended
                    process.stdin.write("\n")
                    process.stdin.flush()
            until = time.monotonic() + seconds
            return {
                pod: _rest(process, f"{cluster}: kubectl exec in {pod}", until)
                for pod, process in started.items()
            }

        yield go


@contextlib.contextmanager
def _started(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _wait_ready(process: subprocess.Popen[str], what: str, until: float) -> None:
    assert process.stdout
    if not select.select([process.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
        raise UserError(f"{what}: not ready in time")
    if process.stdout.readline().strip() != READY:
        process.kill()
        raise UserError(f"{what}: {last_line(process.communicate()[1])}")


def _rest(process: subprocess.Popen[str], what: str, until: float) -> str:
    try:
        said, errors = process.communicate(timeout=max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise UserError(f"{what}: no answer in time") from None
    if process.returncode:
        raise UserError(f"{what}: {last_line(errors)}")
    return said
