"""How a Service's requests are carried: the protocol of its pods, and what may be sent twice.

Pure functions over a port of a Service and its `resiliency.demo/` annotations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from foundation.errors import UserError

PREFIX = "resiliency.demo/"
"""Of annotations that say what Tetrate's have no word for."""

HEDGE_AFTER = f"{PREFIX}hedge-after"
"""Time after which a request without an answer goes to a second pod beside the first."""

REPEATABLE_METHODS = f"{PREFIX}repeatable-methods"
"""Methods, besides the safe ones, that the application may be given twice."""

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
"""Source: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1."""

_OTHER_METHODS = ("POST", "PUT", "PATCH", "DELETE")
_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
_UNITS = {"ms": 0.001, "s": 1.0}


class Protocol(StrEnum):
    """What the pods of a Service speak."""

    HTTP1 = "http1"
    HTTP2 = "http2"
    """HTTP/2 without TLS, by prior knowledge."""
    GRPC = "grpc"
    HTTPS = "https"
    """HTTP/1.1 by TLS; the pod's certificate is not checked, as with other gateways."""


_BY_APP_PROTOCOL = {
    "http": Protocol.HTTP1,
    "kubernetes.io/ws": Protocol.HTTP1,
    "ws": Protocol.HTTP1,
    "kubernetes.io/h2c": Protocol.HTTP2,
    "h2c": Protocol.HTTP2,
    "http2": Protocol.HTTP2,
    "grpc": Protocol.GRPC,
    "https": Protocol.HTTPS,
    "kubernetes.io/wss": Protocol.HTTPS,
    "wss": Protocol.HTTPS,
}
"""Source: https://kubernetes.io/docs/concepts/services-networking/service/#application-protocol,
and https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/."""


@dataclass(frozen=True)
class Transport:
    """How the requests of one Service are carried."""

    protocol: Protocol = Protocol.HTTP1
    hedge_after: float = 0.0
    """Seconds; 0: never."""
    repeatable: tuple[str, ...] = ()
    """Methods that may be repeated besides the safe ones."""


def transport(port: Mapping[str, Any], annotations: Mapping[str, Any]) -> Transport:
    """Return how requests to a port are carried. Raises UserError naming the annotation.

    The port's `appProtocol` counts, or else what its name is or begins with, up to a hyphen.
    """
    for key in annotations:
        if str(key).startswith(PREFIX) and key not in (HEDGE_AFTER, REPEATABLE_METHODS):
            raise UserError(
                f"annotation '{key}' is not known; known: {HEDGE_AFTER}, {REPEATABLE_METHODS}"
            )
    return Transport(
        protocol(port), _hedge_after(annotations), _repeatable(annotations.get(REPEATABLE_METHODS))
    )


def protocol(port: Mapping[str, Any]) -> Protocol:
    """Return what the pods behind a port speak; HTTP/1.1 unless the port says otherwise."""
    return _BY_APP_PROTOCOL.get(_told(port), Protocol.HTTP1)


def is_told(port: Mapping[str, Any]) -> bool:
    """Check whether a port says that it speaks HTTP in one of its forms, and not for metrics."""
    return _told(port) in _BY_APP_PROTOCOL and "metrics" not in str(port.get("name"))


def _told(port: Mapping[str, Any]) -> str:
    given = str(port.get("appProtocol") or "").lower()
    return given or str(port.get("name") or "").lower().partition("-")[0]


def _hedge_after(annotations: Mapping[str, Any]) -> float:
    text = annotations.get(HEDGE_AFTER)
    if text is None:
        return 0.0
    match = _TIME.fullmatch(str(text))
    time = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 0.001 <= time <= 3600:
        raise UserError(
            f"annotation '{HEDGE_AFTER}' is '{text}'; use a time such as 250ms, from 1ms to 3600s"
        )
    return time


def _repeatable(text: Any) -> tuple[str, ...]:
    if text is None:
        return ()
    methods = tuple(part.strip().upper() for part in str(text).split(","))
    for method in methods:
        if method not in _OTHER_METHODS:
            raise UserError(
                f"annotation '{REPEATABLE_METHODS}' has '{method}'; "
                f"use some of {', '.join(_OTHER_METHODS)}, such as PUT,DELETE"
            )
    return methods
