"""What the launcher does before a command of Pulumi's: makes what it needs, or refuses it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from foundation import project, selection, stack_file
from foundation.contract import RUN_PROGRAM
from foundation.errors import UserError
from launcher import list_keys, pulumi_line, stacks
from launcher.pulumi_line import Line


class Need(Enum):
    """What a command of Pulumi's needs."""

    NOTHING = "nothing"
    STACK = "stack"
    """A stack, which may be new."""
    RESOURCES = "resources"
    """A stack that was brought up: without one there is nothing to look at."""


_UPDATES = ("up", "update")

_DESTROY = ("destroy", "down", "dn")
_BY_STATE = ("refresh", *_DESTROY)
"""Commands that go by the state alone unless they are told to run the program."""

_NEEDS = {
    Need.STACK: ("config", "preview", "pre", "up", "update", "watch", "import"),
    Need.RESOURCES: ("refresh", "destroy", "down", "dn", "cancel", "state", "logs"),
}
_NEEDS_OF_STACK = {
    Need.STACK: ("import",),
    Need.RESOURCES: ("", "output", "export", "graph", "history", "rename"),
}


_REFUSED = {
    ("import",): (
        "The program registers what the manifest holds, so the next update would delete what was"
        " imported.\nPut the object's document into the manifest instead: ./demo pulumi config set"
        " manifest FILE"
    ),
    ("state", "move"): (
        "The program registers the same objects in every stack, each in clusters of its own, so an"
        " object that was moved would be made anew.\nWhat the state should forget:"
        " ./demo pulumi state delete URN"
    ),
}
"""Commands by their first words, and why the project refuses them, with what to do instead."""


def need(line: Line) -> Need:
    """Return what a command line needs. Pure."""
    if line.runs_elsewhere:
        return Need.NOTHING
    command, *more = line.words
    table, word = (_NEEDS_OF_STACK, "".join(more[:1])) if command == "stack" else (_NEEDS, command)
    return next((kind for kind, words in table.items() if word in words), Need.NOTHING)


def prepare(env: Mapping[str, str], arguments: Sequence[str]) -> Mapping[str, str]:
    """Return the environment for `pulumi` with these arguments.

    Makes and selects the stack where there is none yet, as `./demo up` does, and writes the entries
    of a list into the stack's file where a key leads into it. Raises UserError, before
    anything is changed, for what would not work here.
    """
    line = pulumi_line.parse(arguments)
    what = need(line)
    if what is Need.NOTHING:
        return env
    for words, text in _REFUSED.items():
        if line.words[: len(words)] == words:
            raise UserError(text)
    stack = line.stack or selection.current(env)
    known = stacks.exists(env, stack)
    if line.words[0] == "watch" and not shutil.which("pulumi-watch", path=env.get("PATH")):
        raise UserError(
            "pulumi watch needs the program pulumi-watch, which comes with Pulumi's own CLI only.\n"
            "Without it, after each change: ./demo pulumi up"
        )
    if what is Need.RESOURCES and not known:
        raise selection.not_up(stack)
    plans = line.words[0] in _UPDATES and line.values("plan")
    if (plans or line.values("save-plan")) and not (known and stacks.holds_resources(env, stack)):
        raise _first_plan(stack)
    if plans and (new := _new_clusters(project.ROOT / plans[-1])):
        raise UserError(
            f"The plan makes {', '.join(new)}, and a plan that makes a cluster cannot be followed:"
            f" values of Secrets are not in it.\nBring it up without: ./demo up {stack}"
        )
    if line.words[:2] == ("stack", "rename"):
        _refuse_rename(env, stack, "".join(line.words[2:3]) or "NEW")
    lists = _not_yet_lists(line, stack)
    if not line.stack or not known:
        _make(env, stack, known)
    for root, entries in lists.items():
        _write_list(env, stack, root, entries, line.values("config-file"))
    if line.words[0] not in _BY_STATE:
        return env
    return {**env, RUN_PROGRAM: "true"} if line.has("run-program") else with_program(env, stack)


def updated(env: Mapping[str, str], arguments: Sequence[str]) -> str:
    """Return the stack whose objects should all be there after `pulumi` with these arguments.

    Empty where that was no update of a whole stack.
    """
    line = pulumi_line.parse(arguments)
    partial = any(map(line.has, ("target", "exclude", "help")))
    if line.runs_elsewhere or line.words[0] not in _UPDATES or partial:
        return ""
    return line.stack or selection.current(env)


def has_settings(arguments: Sequence[str]) -> bool:
    """Return whether `pulumi` with these arguments has other settings than the stack's file."""
    line = pulumi_line.parse(arguments)
    return bool(line.values("config", "c", "config-file"))


def destroyed(env: Mapping[str, str], arguments: Sequence[str]) -> str:
    """Return the stack that `pulumi` with these arguments takes down; empty if none."""
    line = pulumi_line.parse(arguments)
    if line.runs_elsewhere or line.words[0] not in _DESTROY:
        return ""
    return line.stack or selection.current(env)


def changed(env: Mapping[str, str], arguments: Sequence[str]) -> str:
    """Return the stack whose state `pulumi` with these arguments locks; empty if none."""
    line = pulumi_line.parse(arguments)
    if line.runs_elsewhere or line.words[0] not in (*_UPDATES, *_BY_STATE, "watch"):
        return ""
    return line.stack or selection.current(env)


def program_of(env: Mapping[str, str], arguments: Sequence[str]) -> str:
    """Return the stack whose program `pulumi` with these arguments may run; empty if none."""
    line = pulumi_line.parse(arguments)
    if need(line) is Need.NOTHING or line.words[0] in ("config", "stack"):
        return ""
    return line.stack or selection.current(env)


def with_program(env: Mapping[str, str], stack: str) -> Mapping[str, str]:
    """Return `env` such that destroy and refresh read the kubeconfig of `existing` clusters again.

    Without their program both use the credentials in the state, which may have expired since.
    """
    existing = selection.setting(stack, "backend") == "existing"
    if not existing or RUN_PROGRAM in env or not stacks.holds_resources(env, stack):
        return env
    return {RUN_PROGRAM: "true", **env}


def _first_plan(stack: str) -> UserError:
    """Return the refusal of a plan of a first update, which Pulumi would leave in the middle.

    A Secret's values are not known in the plan, so that the provider hides them otherwise.
    """
    return UserError(
        f"Stack {stack} is not up, and a plan of the first update cannot be followed: values of"
        f" Secrets are not in it.\nBring it up without: ./demo up {stack}"
    )


_PROVIDER = "$pulumi:providers:kubernetes::"
"""What is in the URN of a cluster's provider, before the cluster's name."""


def _new_clusters(plan: Path) -> list[str]:
    """Return the names of clusters that a saved plan makes; none where Pulumi cannot read it."""
    try:
        resources = json.loads(plan.read_text())["resourcePlans"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [
        urn.rpartition("::")[2]
        for urn, planned in resources.items()
        if _PROVIDER in urn and any(step.startswith("create") for step in planned.get("steps", []))
    ]


def _refuse_rename(env: Mapping[str, str], stack: str, new: str) -> None:
    new = new.rpartition("/")[2]
    if new == stack:
        raise UserError(f"Stack {stack} is called so already.")
    if stacks.holds_resources(env, stack):
        raise UserError(
            f"Stack {stack} is up, and its clusters, files and marks carry its name: under another"
            " one all would be made anew.\nTake it down and bring it up under the other name:"
            f" ./demo destroy {stack} && mv Pulumi.{stack}.yaml Pulumi.{new}.yaml &&"
            f" ./demo up {new}"
        )


def _make(env: Mapping[str, str], stack: str, known: bool) -> None:
    """Make or select the stack; one without a settings file is Pulumi's to complain of."""
    if known and selection.selected_stack(env) == stack:
        return
    if stack in selection.stacks() or known:
        stacks.make(env, stack)


def _not_yet_lists(line: Line, stack: str) -> dict[str, list[Any]]:
    given = list_keys.steps(line)
    if not given:
        return {}
    named = line.values("config-file")
    file = Path(named[-1]) if named else Path(f"Pulumi.{stack}.yaml")
    try:
        settings = stack_file.mapping((project.ROOT / file).read_text()).get("config") or {}
    except FileNotFoundError:
        settings = {}
    except (OSError, ValueError, stack_file.Unreadable):
        return {}  # Pulumi itself says what is wrong with it
    if not isinstance(settings, Mapping):
        return {}
    return list_keys.not_yet_lists(given, selection.declared(), settings)


def _write_list(
    env: Mapping[str, str], stack: str, root: str, entries: list[Any], files: Sequence[str]
) -> None:
    options = [f"--config-file={file}" for file in files]
    values = list_keys.as_arguments(root, entries)
    stacks.run(env, "config", "set-all", "--path", "--stack", stack, *options, *values)
    entry, was = ("entry", "was") if len(entries) == 1 else ("entries", "were")
    file = [f"Pulumi.{stack}.yaml", *files][-1]
    print(
        f"{file} had no list {root}: {len(entries)} {entry} of before {was} written"
        " into it first, to stay.",
        file=sys.stderr,
        flush=True,
    )
