"""How Envoy speaks to the hosts of a cluster: HTTP/1.1, or HTTP/2 with pings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from components.envoy.common import seconds
from components.routing.transport import Protocol

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

#: Seconds that an idle connection is kept. Towards gateways below their own 300 s; towards an
#: application's pods below the 2 s and more after which servers close, so that no request is sent
#: on a connection that is just being closed.
IDLE_TO_GATEWAY = 60.0
IDLE_TO_PODS = 1.0

#: Streams on one connection to a gateway: few, for they spread over the pods behind its address.
_GATEWAY_STREAMS = 4
_POD_STREAMS = 100


@dataclass(frozen=True)
class Pings:
    """Pings of an HTTP/2 connection; times in seconds.

    A side that hangs is known after `interval` and `timeout` at the latest. One that is short of
    CPU, or stands still for less than `timeout`, keeps its connection and what is on it.
    """

    interval: float
    timeout: float


#: For requests that may be sent again: it costs one try to take a busy gateway for one that hangs.
#: Half as many pings within the same bound, 0.2 and 0.3 s, take a tenth off the edge's processor
#: time at 20 requests a second. But where the other region is lost, nobody takes what a gateway
#: drops that stands still for 0.3 s.
QUICK = Pings(0.1, 0.4)
#: For requests that may not, and for streams: to take a busy gateway for one that hangs would lose
#: or cut them.
PATIENT = Pings(0.5, 1.2)


def to_gateways(pings: Pings) -> dict[str, Any]:
    """Return the options of HTTP/2 for gateways, which finds out by pings that one hangs.

    Pings tell a process that hangs, or a network that drops, from an application that takes its
    time: nothing has to be executed twice to learn it.
    """
    keepalive = {
        "interval": seconds(pings.interval),
        "interval_jitter": {"value": 0},
        "timeout": seconds(pings.timeout),
    }
    return _http2(IDLE_TO_GATEWAY, _GATEWAY_STREAMS, {"connection_keepalive": keepalive})


def to_pods(protocol: Protocol, idle_timeout: float = IDLE_TO_PODS) -> dict[str, Any]:
    """Return the options for an application's own pods, or for gateways in front of such.

    They are not pinged: servers of gRPC end a connection with more than two pings in five minutes.
    Source: https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md.
    """
    if protocol in (Protocol.HTTP2, Protocol.GRPC):
        return _http2(idle_timeout, _POD_STREAMS, {})
    return _options(idle_timeout, {"http_protocol_options": {"enable_trailers": True}})


def _http2(idle_timeout: float, streams: int, more: dict[str, Any]) -> dict[str, Any]:
    options = {
        "allow_connect": True,
        "max_concurrent_streams": streams,
        "initial_stream_window_size": 65536,
        "initial_connection_window_size": 1048576,
        **more,
    }
    return _options(idle_timeout, {"http2_protocol_options": options})


def _options(idle_timeout: float, explicit: dict[str, Any]) -> dict[str, Any]:
    return {
        "common_http_protocol_options": {"idle_timeout": seconds(idle_timeout)},
        "explicit_http_config": explicit,
    }
