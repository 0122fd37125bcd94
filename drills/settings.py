"""A stack with other settings for a while: another mode, another profile."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable, Iterator

from drills import action, guard, update
from drills.book import Book, Entry
from drills.faults import Place
from drills.faults.operation import OTHER_SETTINGS
from drills.site import EDGE, Site


@contextlib.contextmanager
def other(site: Site, changes: update.Changes, say: Callable[[str], None]) -> Iterator[Site]:
    """The stack with `changes` in force, and its own settings again however the block ends.

    It is written down like a fault, so that `heal-all` knows it after a crash. Raises UserError.
    """
    if not changes:
        yield site
        return
    words = ", ".join(f"{key} {value}" for key, value in changes.items())
    memory = {"changes": json.dumps(dict(changes))}
    tell = action.announcer(site)
    with guard.standing(site, OTHER_SETTINGS, EDGE), action.interruptible():
        try:
            Book(site.folder).add(Entry(OTHER_SETTINGS.name, EDGE, time.time(), memory))
            say(f"An update puts {words} in force.")
            action.strike(OTHER_SETTINGS, Place(site, EDGE, memory), tell)
            now = Site.selected(site.stack, site.elsewhere)
            yield dataclasses.replace(now, changes=dict(changes))
        finally:
            with contextlib.suppress(OSError):  # whoever read that has gone
                say("An update puts the stack's own settings in force again.")
            action.mend(site, OTHER_SETTINGS, EDGE, tell)
