"""The stacks that the state backend knows: whether one is there, what it holds, a new one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from foundation import project, selection
from foundation.errors import UserError

Env = Mapping[str, str]


def exists(env: Env, stack: str) -> bool:
    """Return whether the state backend knows `stack`. In our own a file tells, which is quicker.

    Raises UserError when the state backend does not answer.
    """
    own = project.states(project.state_folder())
    if project.uses_own_state(env) and any(own.glob(f"*/{stack}.json")):
        return True
    return stack in _resources(env)


def holds_resources(env: Env, stack: str) -> bool:
    """Return whether the state of `stack` lists more than the stack itself. Raises UserError.

    That is all that is left of an update that was refused.
    """
    return _resources(env).get(stack, 0) > 1


def select(env: Env, stack: str) -> None:
    """Select `stack`, made if the state backend does not know it. Raises UserError."""
    if selection.selected_stack(env) != stack or not exists(env, stack):
        _quietly(env, "stack", "select", "--create", stack)


def make(env: Env, stack: str) -> None:
    """Make `stack`, and select it where none is selected. Raises UserError."""
    selected = selection.selected_stack(env)
    if selected is None or not exists(env, selected):
        _quietly(env, "stack", "select", "--create", stack)
    elif not exists(env, stack):
        _quietly(env, "stack", "init", "--no-select", stack)


def outputs(env: Env, stack: str) -> dict[str, Any]:
    """Return the outputs of `stack`, by the state's own file or by Pulumi. Raises UserError."""
    own = selection.own_outputs(env, stack)
    if own is not None:
        return own
    return dict(answer(env, "stack", "output", "--json", "--stack", stack))


def answer(env: Env, *arguments: str) -> Any:
    """Return what `pulumi` prints as JSON. Raises UserError when it fails."""
    return json.loads(run(env, *arguments))


def _resources(env: Env) -> dict[str, int]:
    """Return the number of resources of each stack, by the last part of its name."""
    entries = answer(env, "stack", "ls", "--json")
    return {e["name"].rpartition("/")[2]: e.get("resourceCount") or 0 for e in entries}


def _quietly(env: Env, *arguments: str) -> None:
    """Run `pulumi`; what it says goes to standard error, for the caller's output may be read."""
    print(run(env, *arguments), end="", file=sys.stderr, flush=True)


def run(env: Env, *arguments: str) -> str:
    """Return what `pulumi` prints. Raises UserError when it fails."""
    done = subprocess.run(
        ["pulumi", *arguments],
        cwd=project.ROOT, env=env, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise UserError(f"`./demo pulumi {' '.join(arguments)}` failed: see above.")
    return done.stdout
