"""`pulumi up` as a drill needs it: with other settings for a while, and back to the stack's own.

The settings file of the stack is never written: Pulumi is given a copy with the changes. So mending
is a plain `up`, whoever does it, and whatever became of the drill.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

from drills import pulumi_command
from drills.stack import Stack
from foundation import project, run, selection, stack_file
from foundation.errors import UserError
from foundation.stack_file import Changes
from launcher import environment, leftovers, state
from toolchain import patience

SECONDS = 300
"""How long an update may take."""

_OPTIONS = ("--yes", "--skip-preview", "--non-interactive", "--color=never", "--suppress-outputs")


def up(
    stack: Stack,
    changes: Changes | None = None,
    replace: str = "",
    refreshed: Sequence[str] = (),
) -> None:
    """Update the stack to its own settings, `changes` apart; return when they are in force.

    `replace`: URNs, with wildcards, of resources that are made anew. `refreshed`: URNs of those
    that alone are updated, and compared with their clusters before. Interrupted, it lets Pulumi end
    in order. Raises UserError with Pulumi's own reason.
    """
    some = ["--replace", replace] if replace else []
    if refreshed:
        some += ["--refresh", *(f"--target={urn}" for urn in refreshed)]
    known = environment.variables(os.environ, stack.name)
    leftovers.check_idle(known, stack.name)  # Pulumi would advise to delete its lock
    with state.kept(known) as env, _settings(stack, changes or {}) as file:
        command = ["pulumi", "up", *_OPTIONS, "--stack", stack.name, *some, *file]
        try:
            process = subprocess.Popen(
                run.tied(command),
                cwd=project.ROOT,
                env=dict(env),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,  # Ctrl-C is for the drill, which passes it on
            )
        except OSError:
            raise UserError(pulumi_command.NOT_THERE) from None
        said = _end(process)
    if process.returncode:
        raise UserError(f"The update of stack {stack.name} failed: {pulumi_command.reason(said)}")


def setting(stack: str, key: str) -> Any:
    """Return a setting of the stack, or else its default. Raises UserError."""
    try:
        own = (project.ROOT / f"Pulumi.{stack}.yaml").read_text()
        declared = selection.declared()
        found = stack_file.value(own, declared["name"], key)
    except (OSError, stack_file.Unreadable) as error:
        raise UserError(f"The settings of stack {stack} cannot be read: {error}") from None
    return declared["config"][key]["default"] if found is None else found


@contextlib.contextmanager
def _settings(stack: Stack, changes: Changes) -> Iterator[list[str]]:
    """Yield the options that name the settings: none for the stack's own, else a private copy."""
    if not changes:
        yield []
        return
    own = (project.ROOT / f"Pulumi.{stack.name}.yaml").read_text()
    file = stack.folder / "drill.yaml"
    try:
        file.touch(mode=0o600)
        file.write_text(stack_file.changed(own, selection.declared()["name"], changes))
        yield ["--config-file", str(file)]
    finally:
        file.unlink(missing_ok=True)


def _end(process: subprocess.Popen[str]) -> str:
    """Return what the process printed until its end; interrupted or late, it is told to end."""
    limit = patience.scaled(SECONDS)
    try:
        return process.communicate(timeout=limit)[0]
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as problem:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.communicate(timeout=limit)
        process.kill()
        process.wait()
        if isinstance(problem, KeyboardInterrupt):
            raise
        raise UserError(f"The update took more than {limit:g} s and was ended") from None
