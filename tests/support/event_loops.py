"""Pulumi's SDK leaves event loops open; here they are closed, so that warnings stay errors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def closed_at_the_end() -> Iterator[None]:
    """Closes every event loop that is made within the block, in whatever thread."""
    made: list[asyncio.AbstractEventLoop] = []
    make = asyncio.new_event_loop

    def new_event_loop() -> asyncio.AbstractEventLoop:
        made.append(make())
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "new_event_loop", new_event_loop)
        patch.setattr(asyncio.events, "new_event_loop", new_event_loop)
        yield
    for loop in made:
        loop.close()
    asyncio.set_event_loop(None)
