"""Locks of a stack, each held by one command at a time: two drills would spoil each other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from drills.stack import Stack
from foundation import contract, files
from foundation.errors import UserError


@contextlib.contextmanager
def alone(stack: Stack, file: str, refusal: str) -> Iterator[None]:
    """Hold the lock of a file of the stack's for the block. Raises UserError if another does."""

    def refuse() -> None:
        raise UserError(refusal)

    lock = stack.folder / file
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock.touch(mode=0o600)
    with files.locked(lock, refuse):
        yield


def only_drill(stack: Stack) -> contextlib.AbstractContextManager[None]:
    """Keep other drills, comparisons and soaks off the stack: one may mend another's fault."""
    return alone(
        stack,
        contract.DRILL_LOCK,
        f"Another drill of stack {stack.name} runs: wait for its end, or end it by Ctrl-C",
    )
