"""How Envoy speaks HTTP on a listener: limits, replies of its own, access log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from components.envoy import server
from components.envoy.common import ENDPOINT_METADATA, any_type, seconds
from components.profile.model import HttpProfile
from components.profile.requests import EscapedSlashes, RequestRules, Underscores

CLUSTER_HEADER = "x-served-by-cluster"
POD_HEADER = "x-served-by-pod"
#: Digests of what an edge pod was started with and of the routes that it goes by: both tell when a
#: change is in force.
CONFIGURATION_HEADER = "x-edge-configuration"
DEGRADED_HEADER = "x-envoy-degraded"
#: The pod's own name, from its environment, so that one configuration serves all pods.
OWN_POD = "%ENVIRONMENT(POD_NAME)%"
#: The digest in the pod template's annotation, likewise.
OWN_CONFIGURATION = "%ENVIRONMENT(CONFIGURATION)%"

_STDOUT = "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"

#: Host of an HTTP/1.0 request that names none: a name that no Service has.
DEFAULT_HOST = "unnamed.invalid"

_GRPC = {
    "header_filter": {
        "header": {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
    }
}

_UNAVAILABLE_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Temporarily unavailable</title>
<meta name="viewport" content="width=device-width">
<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:16vh auto;padding:0 1.5rem;
color:#1e293b}h1{font-size:1.6rem}</style></head>
<body><h1>We cannot answer right now</h1>
<p>The service is temporarily unavailable. Please try again in a few seconds. If you were sending
an order, look whether it has arrived before you send it again.</p></body></html>
"""

_KEEP = EscapedSlashes.KEEP  # an application's own affair
_SLASHES = {
    EscapedSlashes.KEEP: "KEEP_UNCHANGED",
    EscapedSlashes.REJECT: "REJECT_REQUEST",
    EscapedSlashes.DECODE: "UNESCAPE_AND_FORWARD",
    EscapedSlashes.REDIRECT: "UNESCAPE_AND_REDIRECT",
}
_UNDERSCORES = {
    Underscores.ALLOW: "ALLOW",
    Underscores.DROP: "DROP_HEADER",
    Underscores.REJECT: "REJECT_REQUEST",
}

#: Room at a gateway for the headers that the edge adds to a request: number and KiB.
_OWN_HEADERS, _OWN_KIB = 20, 8

#: Envoy does not start with more room than that (max_request_headers_kb).
_MOST_KIB = 8192

REQUEST_NUMBER = "x-demo-request"
"""Header by which the traffic generator numbers its requests."""


@dataclass(frozen=True)
class Options:
    """How a listener differs from others.

    `served_by` is the cluster that replies of this Envoy itself name, `idle_timeout` the seconds
    after which a stream in which nothing moves is ended. The edge takes its clients for strangers:
    it sets forwarding headers anew and drops theirs; a gateway's clients are other Envoys with
    certificates, whose request ids and forwarding headers it keeps.
    """

    served_by: str
    idle_timeout: float
    filters: tuple[dict[str, Any], ...] = ()
    edge: bool = False
    rules: RequestRules = field(default_factory=RequestRules)
    """What the edge takes of a request; a gateway takes all of that."""
    requests_per_connection: int | None = None
    """Requests after which a connection is ended; None is without end."""


def stream_idle(profile: HttpProfile) -> float:
    """Return the idle time-out of a stream: to wait for the first byte does not count as idle."""
    return max(profile.idle_timeout, 1.1 * profile.request_timeout)


def connection_manager(
    stat_prefix: str, route_config: dict[str, Any], options: Options
) -> dict[str, Any]:
    """Return the network filter that speaks HTTP/1.0, 1.1 and 2 on a listener.

    A request ends when nothing moves, never because it takes long: bodies of either direction may
    take any time. WebSockets pass, over HTTP/2 as well.
    """
    edge, rules, most = options.edge, options.rules, options.requests_per_connection
    return server.connection_manager(
        stat_prefix=stat_prefix,
        route_config=route_config,
        http_filters=[
            *options.filters,
            server.router(
                suppress_envoy_headers=True,
                **({} if edge else {"upstream_log": [_tries_log()]}),
            ),
        ],
        use_remote_address=edge,
        always_set_request_id_in_response=edge,
        preserve_external_request_id=not edge,
        normalize_path=True,
        path_with_escaped_slashes_action=_SLASHES[rules.escaped_slashes if edge else _KEEP],
        common_http_protocol_options={
            "idle_timeout": "300s",
            **({"max_requests_per_connection": most} if most else {}),
            "max_headers_count": rules.headers_count + (0 if edge else _OWN_HEADERS),
            "headers_with_underscores_action": _UNDERSCORES[
                rules.underscores if edge else Underscores.ALLOW
            ],
        },
        max_request_headers_kb=min(
            rules.headers_size // 1024 + (0 if edge else _OWN_KIB), _MOST_KIB
        ),
        request_headers_timeout="10s",
        stream_idle_timeout=seconds(options.idle_timeout),
        upgrade_configs=[{"upgrade_type": "websocket"}],
        http_protocol_options={
            "accept_http_10": True,
            "default_host_for_http_10": DEFAULT_HOST,
            "enable_trailers": True,
        },
        http2_protocol_options={
            "allow_connect": True,  # WebSocket over HTTP/2: RFC 8441
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 65536,
            "initial_connection_window_size": 1048576,
        },
        local_reply_config=_local_replies(options.served_by),
        access_log=[_access_log(edge)],
    )


def served_by(cluster: str, pod: str) -> list[dict[str, Any]]:
    """Return the headers that say who answered; the innermost tier that sets them wins."""
    return [add_if_absent(CLUSTER_HEADER, cluster), add_if_absent(POD_HEADER, pod)]


def add_if_absent(key: str, value: str) -> dict[str, Any]:
    """Return a header for `response_headers_to_add` that a header from further inside replaces."""
    return {"header": {"key": key, "value": value}, "append_action": "ADD_IF_ABSENT"}


def overwriting(key: str, value: str) -> dict[str, Any]:
    """Return a header to add, in place of any that is there by that name."""
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _local_replies(cluster: str) -> dict[str, Any]:
    """Return the form of Envoy's own replies: who answered, and a page instead of a flag."""
    headers = served_by(cluster, OWN_POD)
    unavailable = {
        "filter": _status_from(503, "unavailable_from"),
        "headers_to_add": [*headers, add_if_absent("retry-after", "5")],
        "body_format_override": {
            "text_format_source": {"inline_string": _UNAVAILABLE_PAGE.replace("%", "%%")},
            "content_type": "text/html; charset=utf-8",
        },
    }
    grpc = {
        "filter": {"and_filter": {"filters": [unavailable["filter"], _GRPC]}},
        "headers_to_add": headers,
        "body_format_override": {
            "text_format_source": {"inline_string": "temporarily unavailable"}
        },
    }
    others = {"filter": _status_from(100, "any_from"), "headers_to_add": headers}
    return {"mappers": [grpc, unavailable, others]}


def _status_from(status: int, key: str) -> dict[str, Any]:
    value = {"default_value": status, "runtime_key": f"local_reply.{key}"}
    return {"status_code_filter": {"comparison": {"op": "GE", "value": value}}}


def _tries_log() -> dict[str, Any]:
    """Return the log of each try of a request that the traffic generator numbers.

    Drills count executions by it where the application logs none (`drills/traffic/portal.py`).
    """
    return {
        "name": "envoy.access_loggers.stdout",
        "filter": {"header_filter": {"header": {"name": REQUEST_NUMBER, "present_match": True}}},
        "typed_config": any_type(
            _STDOUT,
            log_format={
                "json_format": {
                    "time": "%START_TIME%",
                    "demo_request": f"%REQ({REQUEST_NUMBER})%",
                    "method": "%REQ(:METHOD)%",
                    "status": "%RESPONSE_CODE%",
                    "tried": "%UPSTREAM_HOST%",
                    "tried_cluster": f"%METADATA(UPSTREAM_HOST:{ENDPOINT_METADATA}:cluster)%",
                    "sent": "%UPSTREAM_WIRE_BYTES_SENT%",
                }
            },
        ),
    }


def _access_log(edge: bool) -> dict[str, Any]:
    """Return the log of requests; the edge's has the number that a client of drills gave one."""
    number = {"demo_request": f"%REQ({REQUEST_NUMBER})%"} if edge else {}
    upstream = f"%METADATA(UPSTREAM_HOST:{ENDPOINT_METADATA}"
    return {
        "name": "envoy.access_loggers.stdout",
        "filter": {"not_health_check_filter": {}},
        "typed_config": any_type(
            _STDOUT,
            log_format={
                "json_format": {
                    "time": "%START_TIME%",
                    "request_id": "%REQ(X-REQUEST-ID)%",
                    **number,
                    "method": "%REQ(:METHOD)%",
                    "host": "%REQ(:AUTHORITY)%",
                    "path": "%PATH(NQ)%",
                    "protocol": "%PROTOCOL%",
                    "status": "%RESPONSE_CODE%",
                    "details": "%RESPONSE_CODE_DETAILS%",
                    "flags": "%RESPONSE_FLAGS%",
                    "duration_ms": "%DURATION%",
                    "bytes_in": "%BYTES_RECEIVED%",
                    "bytes_out": "%BYTES_SENT%",
                    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
                    "client_san": "%DOWNSTREAM_PEER_DNS_SAN%",
                    "upstream": "%UPSTREAM_CLUSTER_RAW%",
                    "upstream_host": "%UPSTREAM_HOST%",
                    "upstream_cluster": f"{upstream}:cluster)%",
                    "upstream_region": f"{upstream}:region)%",
                    "upstream_failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
                    "tries": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
                    "served_by_cluster": f"%RESP({CLUSTER_HEADER})%",
                    "served_by_pod": f"%RESP({POD_HEADER})%",
                }
            },
        ),
    }
