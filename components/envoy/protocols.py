"""How Envoy speaks to the hosts of a cluster: HTTP/1.1, or HTTP/2 with pings."""

from __future__ import annotations

from typing import Any

from components.envoy.common import seconds
from components.transport import Protocol

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

#: Seconds that an idle connection is kept. Towards gateways below their own 300 s; towards an
#: application's pods below the 2 s and more after which servers close, so that no request is sent
#: on a connection that is just being closed.
IDLE_TO_GATEWAY = 60.0
IDLE_TO_PODS = 1.0

_PING = "0.25s"
_STREAMS = 4


def http1(idle_timeout: float) -> dict[str, Any]:
    """Return the options of HTTP/1.1, whose idle connections are kept for so many seconds."""
    return {
        "common_http_protocol_options": {"idle_timeout": seconds(idle_timeout)},
        "explicit_http_config": {"http_protocol_options": {"enable_trailers": True}},
    }


def http2(idle_timeout: float) -> dict[str, Any]:
    """Return the options of HTTP/2 that finds out within half a second that the other side hangs.

    Pings tell a process that hangs, or a network that drops, from an application that takes its
    time: nothing has to be executed twice to learn it. Few streams on each connection spread
    requests over the pods behind one Service address.
    """
    return {
        "common_http_protocol_options": {"idle_timeout": seconds(idle_timeout)},
        "explicit_http_config": {
            "http2_protocol_options": {
                "allow_connect": True,
                "max_concurrent_streams": _STREAMS,
                "initial_stream_window_size": 65536,
                "initial_connection_window_size": 1048576,
                "connection_keepalive": {
                    "interval": _PING,
                    "interval_jitter": {"value": 0},
                    "timeout": _PING,
                },
            }
        },
    }


def to_pods(protocol: Protocol) -> dict[str, Any]:
    """Return the options for an application's own pods."""
    if protocol in (Protocol.HTTP2, Protocol.GRPC):
        return http2(IDLE_TO_PODS)
    return http1(IDLE_TO_PODS)
