"""A stack with other settings for a while: another mode, another profile."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterator

from drills import action, guard
from drills.faults import Strike
from drills.faults.operation import OTHER_SETTINGS
from drills.journal import Entry, Journal
from drills.say import Say
from drills.stack import EDGE, Stack
from foundation.run import interruptible
from foundation.stack_file import Changes


@contextlib.contextmanager
def other(stack: Stack, changes: Changes, say: Say) -> Iterator[Stack]:
    """Yield the stack with `changes` in force, and its own settings again however the block ends.

    It is written down like a fault, so that `heal-all` knows it after a crash. Raises UserError.
    """
    if not changes:
        yield stack
        return
    words = ", ".join(f"{key} {value}" for key, value in changes.items())
    memory = {"changes": json.dumps(dict(changes))}
    tell = action.announcer(stack)
    with guard.standing(stack, OTHER_SETTINGS, EDGE), interruptible():
        try:
            Journal(stack.folder).add(Entry(OTHER_SETTINGS.name, EDGE, time.time(), memory))
            say(f"An update puts {words} in force.")
            action.make(OTHER_SETTINGS, Strike(stack, EDGE, memory), tell)
            now = Stack.selected(stack.name, stack.elsewhere)
            yield dataclasses.replace(now, changes=dict(changes))
        finally:
            with contextlib.suppress(OSError):  # whoever read that has gone
                say("An update puts the stack's own settings in force again.")
            action.mend(stack, OTHER_SETTINGS, EDGE, tell)
