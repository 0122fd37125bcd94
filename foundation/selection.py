"""The stacks of this checkout: their names, their settings, and which one Pulumi has selected."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foundation import project, stack_file, state_file
from foundation.errors import UserError

DEFAULT_STACK = "west"


def stacks(root: Path | None = None) -> list[str]:
    """Return the names of the stacks that have a settings file in `root`, or in the checkout."""
    files = (root or project.ROOT).glob("Pulumi.*.yaml")
    return sorted(f.name.removeprefix("Pulumi.").removesuffix(".yaml") for f in files)


def unknown(stack: str, known: Sequence[str]) -> UserError:
    """Return the error that says which stacks there are."""
    return UserError(
        f"There is no stack {stack!r}: Pulumi.{stack}.yaml does not exist."
        f" Stacks: {', '.join(known) or 'none'}"
    )


def not_up(stack: str) -> UserError:
    """Return the error that says how a stack comes up."""
    return UserError(f"Stack {stack} is not up. Bring it up: ./demo up {stack}")


def declared() -> Mapping[str, Any]:
    """Return what Pulumi.yaml says. Raises OSError, and Unreadable of `stack_file`."""
    return stack_file.mapping((project.ROOT / "Pulumi.yaml").read_text())


def own_state(env: Mapping[str, str], stack: str) -> Path | None:
    """Return the file of a stack's state, as `project.own_state` does."""
    return project.own_state(env, str(declared().get("name")), stack)


def own_latest(env: Mapping[str, str], stack: str) -> dict[str, Any] | None:
    """Return what the state of a stack holds, by its file, without the time that Pulumi takes.

    None where the file is not ours, not there, or cannot be read: it may be compressed, as Pulumi
    writes one before the first update.
    """
    file = own_state(env, stack)
    try:
        return state_file.latest(file) if file else None
    except (OSError, ValueError):
        return None


def own_outputs(env: Mapping[str, str], stack: str) -> dict[str, Any] | None:
    """Return the outputs of a stack by the file of its state, as `own_latest` reads it.

    Pulumi takes a third of a second for them, of each command.
    """
    latest = own_latest(env, stack)
    return None if latest is None else state_file.outputs(latest)


def setting(stack: str, key: str) -> str | None:
    """Return a text setting of a stack, or else the default that Pulumi.yaml declares.

    None where neither has it, where the value is no text (a secret, say) and where one of the files
    cannot be read: the caller takes the careful side.
    """
    try:
        known = declared()
        text = (project.ROOT / f"Pulumi.{stack}.yaml").read_text()
        found = stack_file.value(text, str(known.get("name")), key)
        if found is None:
            found = ((known.get("config") or {}).get(key) or {}).get("default")
    except (OSError, ValueError, AttributeError, stack_file.Unreadable):
        return None
    return found.strip() if isinstance(found, str) else None


def current(env: Mapping[str, str]) -> str:
    """Return the stack that a command is for that names none: the selected one, or the default."""
    return selected_stack(env) or DEFAULT_STACK


def selected_stack(env: Mapping[str, str]) -> str | None:
    """Return the stack that `pulumi stack select` chose for this project; None without any.

    Read from where Pulumi keeps it: `pulumi stack` would take a third of a second for the same.
    """
    if name := env.get("PULUMI_STACK"):
        return name.rsplit("/", 1)[-1]
    # like Pulumi, which asks the user database and not $HOME
    home = Path(env.get("PULUMI_HOME") or f"{pwd.getpwuid(os.getuid()).pw_dir}/.pulumi")
    digest = hashlib.sha1(
        str(project.ROOT / "Pulumi.yaml").encode(), usedforsecurity=False
    ).hexdigest()
    files = list((home / "workspaces").glob(f"*-{digest}-workspace.json"))
    try:
        if len(files) > 1:  # the project has had other names; YAML is slow to load, so only now
            own = f"{declared().get('name')}-{digest}-workspace.json"
            files = [file for file in files if file.name == own]
        settings = json.loads(files[0].read_text()) if files else {}
    except (OSError, ValueError, stack_file.Unreadable):
        return None
    by_backend = settings.get("stacks") or {}
    chosen = by_backend.get(env.get("PULUMI_BACKEND_URL", ""), settings.get("stack"))
    return chosen.rsplit("/", 1)[-1] if chosen else None
