"""Run `./demo task`: check the names of tasks, and let signals and exit codes through go-task."""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Collection, Mapping, Sequence

import yaml

from foundation import processes, project
from foundation import run as running
from foundation.errors import UsageError, nearest


def run(env: Mapping[str, str], arguments: Sequence[str]) -> int:
    """Run a task and return its exit code, which go-task by itself would replace by one of its own.

    Raises UsageError if there is no such task.
    """
    known = names((project.ROOT / "Taskfile.yml").read_text())
    if text := refusal(arguments, known):
        raise UsageError(text)
    command = ["task", "--exit-code", *arguments]
    return running.foreground(command, env, project.ROOT, pass_on=_to_task)


def _to_task(pid: int, number: int) -> None:
    """Pass a signal on to what go-task has started, which it tells of none, and to go-task.

    What is sent to a whole group comes twice there, which is one wish (`foundation.run`).
    """
    processes.signal_children(pid, number)  # before a hangup ends go-task
    os.kill(pid, number)


def names(taskfile: str) -> list[str]:
    """Return the names of the tasks of a Taskfile, in its order. Pure."""
    return list(yaml.safe_load(taskfile)["tasks"])


def refusal(arguments: Sequence[str], known: Collection[str]) -> str:
    """Return why these arguments name no task, and what was meant; empty if they do. Pure.

    Source of the rule: https://taskfile.dev/docs/reference/cli. Every word before `--` that is
    neither an option, nor may be the value of one, nor sets a variable is the name of a task. What
    is for the task comes after.
    """
    before = list(itertools.takewhile(lambda word: word != "--", arguments))
    for number, word in enumerate(before):
        last = before[number - 1] if number else ""
        if word.startswith("-") or "=" in word or word in known or last.startswith("-"):
            continue
        if last in known:
            meant = [*before[:number], "--", *(a for a in arguments[number:] if a != "--")]
        elif near := nearest(word, known):
            meant = [*before[:number], near, *arguments[number + 1 :]]
        else:
            return f"There is no task {word!r}. All tasks: ./demo task"
        return f"There is no task {word!r}. Did you mean: ./demo task {shlex.join(meant)}"
    return ""
