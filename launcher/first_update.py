"""The first update of a stack of embedded clusters: Pulumi notes nothing down before its end.

Pulumi writes the whole state before and after each object, one after the other, which grows with
the square of the clusters. What a first update makes is in the lab alone; so one that is killed
leaves nothing to be known, and is begun anew with a new lab.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping

from foundation import processes, project, run, selection

_NOTE = "first-update"
"""File beside a stack's files: the process whose first update of the stack goes on."""

_NO_CHECKPOINTS = {"PULUMI_SKIP_CHECKPOINTS": "true"}


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
        run.foreground(["python", "-m", "localkube", "sweep", str(lab)], env, project.ROOT)
    if lab.exists():  # what is in these clusters is somebody's, whatever became of the state
        yield env
        return
    note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    note.write_text(str(os.getpid()))
    try:
        yield {**_NO_CHECKPOINTS, **env}
    finally:
        if not _knows_nothing(env, stack):  # else Pulumi itself was killed
            note.unlink(missing_ok=True)


def _knows_nothing(env: Mapping[str, str], stack: str) -> bool:
    """Return whether the stack's clusters and state are ours, and the state has nothing in it."""
    file = project.own_state(env, str(selection.declared().get("name")), stack)
    if file is None or selection.setting(stack, "backend") != "local":
        return False
    try:
        latest = json.loads(file.read_text())["checkpoint"]["latest"] or {}
    except FileNotFoundError:
        return True
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return len(latest.get("resources") or []) <= 1  # the stack itself


def _is_of_ended(note: str) -> bool:
    return note.isdigit() and processes.started(int(note)) is None
