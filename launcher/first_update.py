"""The first update of a stack of embedded clusters: Pulumi notes nothing down before its end.

Pulumi writes the whole state before and after each object, one after the other, which grows with
the square of the clusters. What a first update makes is in the lab alone; so one that is killed
leaves nothing to be known, and is begun anew with a new lab.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from foundation import files, project, selection
from foundation.errors import UserError
from launcher import leftovers

_NOTE = "first-update"
"""Empty file beside a stack's files from before its first update until the state is written.

A first update that goes on holds its lock.
"""

NO_CHECKPOINTS = {"PULUMI_SKIP_CHECKPOINTS": "true"}
"""Environment of a Pulumi that writes the state once, at its end."""


@contextlib.contextmanager
def quick(env: Mapping[str, str], stack: str) -> Iterator[Mapping[str, str]]:
    """Yield the environment for an update of `stack`, in which a first one is quick.

    Ends the clusters that a killed first update has left, and says so. Raises UserError while
    another first update goes on.
    """
    note, lab = project.stack_folder(stack) / _NOTE, project.lab_folder(stack)

    def refuse() -> None:
        raise UserError(f"Another first update of stack {stack} is under way: wait for its end")

    # what is in clusters without a note is somebody's, whatever became of the state
    first = _knows_anything(env, stack) is False and (note.exists() or not lab.exists())
    with contextlib.ExitStack() as held:
        if first:
            note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            note.touch(mode=0o600)
            held.enter_context(files.locked(note, refuse))
            first = _knows_anything(env, stack) is False  # another one may have ended meanwhile
        if first and lab.exists():
            text = f"The first update of stack {stack} was killed: its clusters are made anew."
            print(text, flush=True)
            leftovers.sweep(stack)
        try:
            yield {**NO_CHECKPOINTS, **env} if first else env
        finally:
            if _knows_anything(env, stack):  # else Pulumi itself was killed
                note.unlink(missing_ok=True)


def _knows_anything(env: Mapping[str, str], stack: str) -> bool | None:
    """Return whether a state of embedded clusters has anything in it.

    None where clusters or state are not ours, or where no such file can be read.
    """
    if selection.setting(stack, "backend") != "local":
        return None
    latest = selection.own_latest(env, stack)
    return None if latest is None else len(latest.get("resources") or []) > 1  # the stack itself
