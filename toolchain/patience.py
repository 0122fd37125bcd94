"""The one setting for slow and loaded machines: DEMO_PATIENCE stretches how long things may take.

Intervals at which something is asked, and times that Kubernetes itself is told, stay as they are.
"""

from __future__ import annotations

import math
import os

from foundation.errors import UserError

VARIABLE = "DEMO_PATIENCE"
_MOST = 100


def factor() -> float:
    """Return what DEMO_PATIENCE says, from 1 to 100; 1 without it. Raises UserError."""
    text = os.environ.get(VARIABLE, "").strip() or "1"
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 1 <= value <= _MOST:
        raise UserError(
            f"{VARIABLE} is {text!r}, which is no number from 1 to {_MOST}."
            f" Say how much slower the machine is: export {VARIABLE}=5"
        )
    return value


def scaled(seconds: float) -> float:
    """Return for how long to wait for what takes up to `seconds` on a common machine."""
    return seconds * factor()


def of_requests(seconds: float) -> str:
    """Return the option of kubectl by which it waits as long for an answer."""
    return f"--request-timeout={scaled(seconds):.0f}s"


def of_waits(seconds: float) -> str:
    """Return the option of kubectl by which it waits as long for what it is told to wait for."""
    return f"--timeout={scaled(seconds):.0f}s"


def of_connections(silence: float = 30, ping: float = 15) -> dict[str, str]:
    """Return the environment in which Kubernetes' Go clients are as patient with connections.

    They give up one that brings nothing for `silence` seconds, and no answer to a ping for `ping`
    more. What they do by themselves is the default.
    Source: https://github.com/kubernetes/apimachinery/blob/v0.35.0/pkg/util/net/http.go.
    """
    return {
        "HTTP2_READ_IDLE_TIMEOUT_SECONDS": f"{scaled(silence):.0f}",
        "HTTP2_PING_TIMEOUT_SECONDS": f"{scaled(ping):.0f}",
    }
