"""What a killed `pulumi`, or a power cut, leaves in a folder of state: stale locks, torn states."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from foundation import contract, files, processes, project, state_file
from foundation.errors import UserError


@dataclass(frozen=True)
class Lock:
    """Who locked a stack, as Pulumi wrote it into the lock's file."""

    file: Path
    pid: int
    host: str


def locks(state: Path) -> list[Lock]:
    """Return the locks in a folder of state; what is no lock of Pulumi's is passed over."""
    found = []
    for file in sorted((state / ".pulumi" / "locks").rglob("*.json")):
        try:
            content = json.loads(file.read_text())
            found.append(Lock(file, int(content["pid"]), content["hostname"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def is_stale(lock: Lock, host: str, command_line: Callable[[int], Sequence[str] | None]) -> bool:
    """Check whether the owner of `lock` is gone: a process of this host that has ended.

    `command_line` gives that of a process (empty: there is none; None: it may not be read). One
    that is no `pulumi` has only inherited the number. When it began says nothing: the clock may
    have been set meanwhile.
    """
    if lock.host != host or (words := command_line(lock.pid)) is None:
        return False
    return not words or Path(words[0]).name != "pulumi"


def _is_left(lock: Lock) -> bool:
    return is_stale(lock, socket.gethostname(), processes.command_line)


def updating(state: Path, stack: str) -> list[Lock]:
    """Return the locks of what changes a stack now, in a folder of state."""
    return [each for each in locks(state) if each.file.parent.name == stack and not _is_left(each)]


def under_way(state: Path, stack: str) -> str:
    """Say that an update of a stack is under way, and whose; empty if none is.

    Whether a process of another host has ended is not known: this one may have had that name.
    """
    for lock in updating(state, stack):
        whose = f"process {lock.pid}"
        if lock.host != socket.gethostname():
            cancel = f"./demo pulumi cancel --stack {stack}"
            whose += f" of host {lock.host}; if it has ended: {cancel}"
        return f"An update of stack {stack} is under way ({whose})"
    return ""


def check_idle(env: Mapping[str, str], stack: str) -> None:
    """Refuse what another update of the stack keeps out, or would spoil. Raises UserError."""
    if project.uses_own_state(env) and (text := under_way(project.state_folder(), stack)):
        raise UserError(f"{text}: wait for its end")


def remove_stale_locks(state: Path) -> None:
    """Remove the locks of this host whose owners are gone, and say so."""
    for lock in locks(state):
        if _is_left(lock):
            lock.file.unlink(missing_ok=True)
            print(
                f"Removed the lock of stack {lock.file.parent.name}: process {lock.pid},"
                " which held it, has ended.",
                flush=True,
            )


def mend_states(state: Path) -> None:
    """Put the copy that Pulumi keeps in the place of a state that cannot be read, and say so.

    Without a good copy the torn state is set aside, as if it had been deleted: what it knew of is
    then found by the next `up`, and ended by `destroy`.
    """
    for file in sorted(project.states(state).glob("*/*.json")):
        if _is_whole(file):
            continue
        copy = file.with_name(f"{file.name}.bak")
        good = _is_whole(copy)
        try:
            shutil.copy2(file, file.with_name(f"{file.name}.torn"))
        except FileNotFoundError:  # its stack has just been removed
            continue
        if good:  # in one step: without a state there would be nothing to mend after a kill
            files.replace(file, copy.read_text(), durable=True)
        else:
            file.unlink()
        print(
            f"The state of stack {file.stem} was torn (a power cut?): "
            + ("took the copy before it." if good else "there is no copy, it begins anew."),
            flush=True,
        )


def note_killed(state: Path) -> None:
    """Note of each stack whether its last update ended while it changed an object.

    `state` is a folder of state. The next update drops that from the state, whatever becomes of it;
    so it is kept beside the stack until `drills.compared` has looked. What was made or deleted
    then, the next update makes or deletes.
    """
    for file in project.states(state).glob("*/*.json"):
        if updating(state, file.stem):  # asked first: one that ends meanwhile was not killed
            continue
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            latest = state_file.latest(file)
            pending = [each["type"] for each in latest.get("pending_operations", ())]
            if "updating" in pending:
                note = project.stack_folder(file.stem) / contract.KILLED_FILE
                note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                note.touch(mode=0o600)


def sweep(stack: str) -> None:
    """End the embedded clusters of a stack, and remove all of them. Raises UserError."""
    from localkube import machine  # here: most commands do without, and it takes 0.06 s

    machine.end(project.lab_folder(stack))


def remove_torn_attributes(state: Path) -> None:
    """Remove the attributes of a file that a killed Pulumi had only begun to write.

    Pulumi writes a file's content type and checksum in place beside it and needs neither, but
    reads no file whose attributes cannot be read: "failed to load checkpoint: EOF".
    """
    for file in (state / ".pulumi").rglob("*.attrs"):
        if not _is_whole(file):
            file.unlink(missing_ok=True)


def forget_torn_states(state: Path, stack: str) -> None:
    """Remove what mend_states has set aside of `stack`."""
    for file in project.states(state).glob(f"*/{stack}.json.torn"):
        file.unlink(missing_ok=True)


def _is_whole(file: Path) -> bool:
    try:
        json.loads(file.read_bytes())
    except (OSError, ValueError):
        return False
    return True
