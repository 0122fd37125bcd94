"""Pulumi's Python SDK and its debug messages: sent only to who asks for them."""

from __future__ import annotations

import os

import pulumi

WANTED = "DEMO_SDK_DEBUG"
"""The environment variable that keeps the messages, for `pulumi up --debug`; any text will do."""


def leave_out() -> None:
    """Keeps the SDK from telling the engine each of its steps, unless WANTED is set.

    It sends some 270 messages a run and waits for the answer to each, whether anybody reads them or
    not (`debug` in the SDK's log.py, 3.272): a tenth of an update with nothing to do. The program
    is not told of `--debug`. Messages of the providers and of the engine are not touched.
    """
    if not os.environ.get(WANTED):
        pulumi.log.debug = _unsent


def _unsent(*_: object, **__: object) -> None:
    """Takes what `pulumi.log.debug` takes."""
