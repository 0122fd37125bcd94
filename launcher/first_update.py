"""The first update of a stack of embedded clusters: Pulumi notes nothing down before its end.

Pulumi writes the whole state before and after each object, one after the other, which grows with
the square of the clusters. What a first update makes is in the lab alone; so one that is killed
leaves nothing to be known, and is begun anew with a new lab.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

from foundation import processes, project, selection, state_file
from launcher import leftovers

_NOTE = "first-update"
"""File beside a stack's files: the process whose first update of the stack goes on."""

NO_CHECKPOINTS = {"PULUMI_SKIP_CHECKPOINTS": "true"}
"""Environment of a Pulumi that writes the state once, at its end."""


@contextlib.contextmanager
def quick(env: Mapping[str, str], stack: str) -> Iterator[Mapping[str, str]]:
    """Yield the environment for an update of `stack`, in which a first one is quick.

    Ends the clusters that a killed first update has left, and says so.
    """
    if not _knows_nothing(env, stack):
        yield env
        return
    note, lab = project.stack_folder(stack) / _NOTE, project.lab_folder(stack)
    if lab.exists() and _is_of_ended(note.read_text() if note.exists() else ""):
        print(
            f"The first update of stack {stack} was killed: its clusters are made anew.", flush=True
        )
        leftovers.sweep(env, stack)
    if lab.exists():  # what is in these clusters is somebody's, whatever became of the state
        yield env
        return
    note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    note.write_text(str(os.getpid()))
    try:
        yield {**NO_CHECKPOINTS, **env}
    finally:
        if not _knows_nothing(env, stack):  # else Pulumi itself was killed
            note.unlink(missing_ok=True)


def _knows_nothing(env: Mapping[str, str], stack: str) -> bool:
    """Return whether the stack's clusters and state are ours, and the state has nothing in it."""
    file = selection.own_state(env, stack)
    if file is None or selection.setting(stack, "backend") != "local":
        return False
    try:
        latest = state_file.latest(file)
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return len(latest.get("resources") or []) <= 1  # the stack itself


def _is_of_ended(note: str) -> bool:
    return note.isdigit() and processes.started(int(note)) is None
