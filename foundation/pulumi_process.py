"""What Pulumi and the processes that it starts have in common: they live for seconds.

Launcher and lab read this too, so what they do not need is imported where it is used.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import signal
import sys
from typing import Any

from foundation.contract import RUN_PROGRAM
from foundation.errors import UserError

GO_SETTINGS = {"GOGC": "off", "GOMEMLIMIT": "1GiB"}
"""Environment of the Go processes: collecting their garbage takes a tenth of an update with nothing
to do, for at most 140 MB. Not for those that stay: `localkube.lab` keeps it from the clusters."""

WANTS_DEBUG = "DEMO_SDK_DEBUG"
"""The environment variable that keeps the SDK's messages for `--debug`; any text will do."""


_CANCELED = "\nException: context canceled"
"""End of the traceback of a program whose engine has ended (`grpc_error_to_exception`, 3.272)."""


def is_update() -> bool:
    """Check whether the program runs for an update or a preview, not for a destroy or refresh."""
    return os.environ.get(RUN_PROGRAM) != "true"


def prepare_program() -> None:
    """Have the program send only messages that are wanted and heard, and end quickly.

    Pulumi's SDK tells the engine each of its steps, some 270 a run, and waits for the answer to
    each, whether anybody reads them or not (`debug` in its log.py, 3.272): a tenth of an update
    with nothing to do. So none is sent unless WANTS_DEBUG is set: the program is not told of
    `--debug`. Messages of others stay.

    After Ctrl-C the program ends with an error that the engine (3.274) may no longer listen to:
    what cannot be told is no reason for a traceback. Nor is that the engine answers no more, which
    it says itself.
    """
    import grpc
    import pulumi

    if not os.environ.get(WANTS_DEBUG):
        pulumi.log.debug = _unsent
    tell = pulumi.log.error

    def error(msg: str, *arguments: Any, **options: Any) -> None:
        if msg.rstrip().endswith(_CANCELED):
            return
        with contextlib.suppress(grpc.RpcError):
            tell(msg, *arguments, **options)

    pulumi.log.error = error
    leave_interrupts_to_the_engine()
    end_quickly()


def leave_interrupts_to_the_engine() -> None:
    """Ignore Ctrl-C in a process that Pulumi runs the program in.

    The terminal tells all of its processes. The engine ends the program, which would otherwise say
    so by a traceback of its own.
    """
    if any(word.endswith("pulumi-language-python-exec") for word in sys.orig_argv):
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _unsent(*_: object, **__: object) -> None:
    """Take what `pulumi.log.debug` takes."""


async def begin_to_register() -> None:
    """Let the event loop begin what the program has registered; for `pulumi.run`.

    When the program's text has been run, the SDK (3.272, wait_for_rpcs) waits for the registrations
    that have begun, one after another. None has, so it waits for the first of all outputs, then
    for the first of the rest, and so on: with eight clusters a quarter of the program's processor
    time, and more with more.
    """
    import asyncio

    await asyncio.sleep(0)


def prepare_provider() -> None:
    """Have a provider report a UserError by its text alone, and end quickly.

    The provider's process answers each exception with `traceback.format_exc()`; exceptions other
    than a UserError keep their traceback.
    """
    import traceback

    original = traceback.format_exc
    if getattr(original, "hides_tracebacks", False):
        return  # each provider class is configured

    def format_exc(limit: int | None = None, chain: bool = True) -> str:
        error = sys.exc_info()[1]
        return str(error) if isinstance(error, UserError) else original(limit, chain)

    format_exc.hides_tracebacks = True  # type: ignore[attr-defined]
    traceback.format_exc = format_exc
    end_quickly()


def seed_of_check() -> bytes:
    """Return 16 random bytes for `ResourceProvider.check`: those of the engine's request.

    The engine keeps them in a saved plan and sends them again when it follows the plan, so what is
    made of them stays the same (RandomSeed of CheckRequest). The SDK (3.272) does not hand them on,
    so they are taken from its method that is answering the request; without it they are new.
    """
    frame = sys._getframe(1)
    while frame is not None:
        seed = getattr(frame.f_locals.get("request"), "randomSeed", b"")
        if isinstance(seed, bytes) and len(seed) >= 16:
            return seed[:16]
        frame = frame.f_back  # type: ignore[assignment]
    return os.urandom(16)


def end_quickly() -> None:
    """Spare the process the search for garbage at its end: a tenth of a second, with the SDK.

    Python then looks through all objects for circles of them, more than once; its end frees them
    all the same. Pulumi waits for each of these processes, four of them in an update.
    """
    atexit.register(gc.freeze)
