"""Active health checks of Envoy clusters: what is asked, and which answers are healthy."""

from __future__ import annotations

from typing import Any

from components.envoy.common import seconds
from components.envoy.http import overwriting
from components.routing.routes import Route
from components.routing.statuses import ALIVE
from components.routing.transport import Protocol

INTERVAL_SECONDS = 0.5
"""Time between two checks of a host."""

RARE_SECONDS = 2.0
"""Time between two checks of a healthy host that something else looks after too."""

_INTERVAL = seconds(INTERVAL_SECONDS)

RENEWED_ALPN = "renewed"
"""What a check offers as ALPN, by which a gateway knows that its connection is to be renewed."""

RENEWED_REQUESTS = 4
"""Checks that such a connection takes: a handshake is the dearest part of a check."""

#: A gRPC server of any kind answers this, if only that it does not know the method.
_GRPC_PATH = "/grpc.health.v1.Health/Check"
_GRPC_HEADERS = {"content-type": "application/grpc", "te": "trailers"}


def http_check(
    host: str,
    route: Route,
    *,
    through_gateway: bool = False,
    is_renewed: bool = False,
    while_healthy: float = INTERVAL_SECONDS,
) -> dict[str, Any]:
    """Return an active health check: an answer in time with a status of `ALIVE` is healthy.

    What the application answers is its own affair. A check that goes `through_gateway` gets there
    the headers that the pods need. If it `is_renewed`, the gateway ends its connection every few
    checks. So it meets what a new connection would meet: a Service that was closed, a certificate
    that expired, each of several pods behind an address. A connection that stands tells of none of
    them. `while_healthy` is the time in seconds between two checks of a healthy host.
    """
    protocol = route.transport.protocol
    is_grpc = protocol is Protocol.GRPC
    check: dict[str, Any] = {
        "host": host,
        "path": _GRPC_PATH if is_grpc else route.health_path,
        "expected_statuses": [{"start": each.start, "end": each.stop} for each in ALIVE],
    }
    if is_grpc:
        check["method"] = "POST"
    if not through_gateway and protocol in (Protocol.HTTP2, Protocol.GRPC):
        check["codec_client_type"] = "HTTP2"
        check["request_headers_to_add"] = check_headers(route)
    interval = seconds(while_healthy)
    renewed = {"tls_options": {"alpn_protocols": [RENEWED_ALPN]}} if is_renewed else {}
    return {
        "interval": interval,
        # Requests have their own, shorter time-outs; a machine short of CPU is not a dead one.
        "timeout": "0.8s",
        "unhealthy_threshold": 2,  # counts time-outs; a bad answer fails at once
        "healthy_threshold": 2,
        "unhealthy_interval": _INTERVAL,
        # Standbys see no traffic until they are needed.
        "no_traffic_interval": _INTERVAL,
        "no_traffic_healthy_interval": interval,
        "interval_jitter_percent": 10,
        **renewed,
        "http_health_check": {key: value for key, value in check.items() if value},
    }


def check_headers(route: Route) -> list[dict[str, Any]]:
    """Return the headers without which the application's pods take no check, for Envoy to add."""
    if route.transport.protocol is not Protocol.GRPC:
        return []
    return [overwriting(key, value) for key, value in _GRPC_HEADERS.items()]
