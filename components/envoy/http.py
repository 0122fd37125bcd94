"""What Envoy does with a request: connection manager, routes with retries, replies of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.envoy.common import ENDPOINT_METADATA, any_type, seconds
from components.profile import HttpProfile

CLUSTER_HEADER = "x-served-by-cluster"
POD_HEADER = "x-served-by-pod"
DEGRADED_HEADER = "x-envoy-degraded"
#: The pod's own name, from its environment, so that one configuration serves all pods.
OWN_POD = "%ENVIRONMENT(POD_NAME)%"

#: Conditions under which a request was surely not executed by any backend.
_NOT_EXECUTED = ("connect-failure", "refused-stream", "reset-before-request")

_HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "envoy.extensions.filters.http.router.v3.Router"
_STDOUT = "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"
_PREVIOUS_HOSTS = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
_PREVIOUS_PRIORITIES = (
    "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig"
)

_PREVIOUS_HOSTS_PREDICATE = {
    "name": "envoy.retry_host_predicates.previous_hosts",
    "typed_config": any_type(_PREVIOUS_HOSTS),
}

#: Below the time-out of a health check, so that the gateway's own verdict arrives.
HEALTH_ROUTE_TIMEOUT = "0.7s"

_UNAVAILABLE_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Temporarily unavailable</title>
<meta name="viewport" content="width=device-width">
<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:16vh auto;padding:0 1.5rem;
color:#1e293b}h1{font-size:1.6rem}</style></head>
<body><h1>We cannot answer right now</h1>
<p>The service is temporarily unavailable. Nothing was changed by this request that we know of.
Please try again in a few seconds.</p></body></html>
"""


def connection_manager(
    stat_prefix: str,
    route_config: dict[str, Any],
    *,
    served_by: str,
    filters: Sequence[dict[str, Any]] = (),
    edge: bool = False,
) -> dict[str, Any]:
    """Gives the network filter that speaks HTTP on a listener.

    `served_by` is the cluster that replies of this Envoy itself name. The edge takes its clients
    for strangers: it sets forwarding headers anew and drops theirs; a gateway's clients are other
    Envoys with certificates, whose request ids and forwarding headers it keeps.
    """
    manager = any_type(
        _HCM,
        stat_prefix=stat_prefix,
        route_config=route_config,
        http_filters=[
            *filters,
            {
                "name": "envoy.filters.http.router",
                "typed_config": any_type(_ROUTER, suppress_envoy_headers=True),
            },
        ],
        use_remote_address=edge,
        always_set_request_id_in_response=edge,
        preserve_external_request_id=not edge,
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="UNESCAPE_AND_REDIRECT" if edge else "KEEP_UNCHANGED",
        common_http_protocol_options={
            "idle_timeout": "300s",
            "headers_with_underscores_action": "REJECT_REQUEST",
            "max_headers_count": 100,
        },
        max_request_headers_kb=32,
        request_headers_timeout="10s",
        request_timeout="30s",
        stream_idle_timeout="60s",
        http2_protocol_options={
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 65536,
            "initial_connection_window_size": 1048576,
        },
        local_reply_config=_local_replies(served_by),
        access_log=[_access_log()],
    )
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}


def served_by(cluster: str, pod: str) -> list[dict[str, Any]]:
    """Gives the headers that say who answered; the innermost tier that sets them wins."""
    return [add_if_absent(CLUSTER_HEADER, cluster), add_if_absent(POD_HEADER, pod)]


def add_if_absent(key: str, value: str) -> dict[str, Any]:
    """Gives a header for `response_headers_to_add` that a header from further inside replaces."""
    return {"header": {"key": key, "value": value}, "append_action": "ADD_IF_ABSENT"}


def forwarding_routes(
    path: str,
    cluster: str,
    profile: HttpProfile,
    *,
    timeout: float,
    per_try_timeout: float,
    attempts: int,
) -> list[dict[str, Any]]:
    """Gives the routes that send requests below `path` to the Envoy cluster.

    Requests are retried on the profile's conditions, elsewhere first, and hedged: a try that takes
    longer than `per_try_timeout` goes on beside the next one, and the first good answer counts.
    POST and PATCH without an Idempotency-Key are retried only if they were surely not executed,
    and never hedged, because the backend cannot tell a second try from a second order.
    """
    match = {"prefix": "/"} if path == "/" else {"path_separated_prefix": path}
    target: dict[str, Any] = {"cluster": cluster, "timeout": seconds(timeout)}
    cautious = [c for c in profile.retries.retry_on if c in _NOT_EXECUTED]
    not_repeatable = [
        {"name": ":method", "string_match": {"safe_regex": {"regex": "POST|PATCH"}}},
        {"name": "idempotency-key", "present_match": False},
    ]
    once = dict(target)
    if cautious and attempts:
        once["retry_policy"] = _retry_policy(profile, cautious, attempts)
    again = dict(target)
    if profile.retries.retry_on and attempts:
        again["retry_policy"] = {
            **_retry_policy(profile, profile.retries.retry_on, attempts),
            "per_try_timeout": seconds(per_try_timeout),
        }
        again["hedge_policy"] = {"hedge_on_per_try_timeout": True}
    return [
        {"match": {**match, "headers": not_repeatable}, "route": once},
        {"match": match, "route": again},
    ]


def health_route(cluster: str, host: str) -> dict[str, Any]:
    """Gives the route of a health check that goes through to the Envoy cluster.

    It asks for what the cluster as a whole can do: a second host of the same priority if the
    first does not answer, and another region only if no host here is left. `host` is the name
    that the application knows.
    """
    retry = {
        "retry_on": "connect-failure,reset,gateway-error",
        "num_retries": 1,
        "per_try_timeout": "0.3s",
        "retry_back_off": {"base_interval": "0.005s"},
        "host_selection_retry_max_attempts": 5,
        "retry_host_predicate": [_PREVIOUS_HOSTS_PREDICATE],
    }
    return {
        "match": {"prefix": "/"},
        "route": {
            "cluster": cluster,
            "timeout": HEALTH_ROUTE_TIMEOUT,
            "host_rewrite_literal": host,
            "retry_policy": retry,
        },
    }


def virtual_host(name: str, domains: Sequence[str], routes: Sequence[dict[str, Any]]) -> dict:
    """Gives a virtual host; bodies up to 1 MiB are kept for retries, larger ones are sent once."""
    return {
        "name": name,
        "domains": list(domains),
        "request_body_buffer_limit": 1048576,
        "routes": list(routes),
    }


def not_found() -> dict[str, Any]:
    """Gives the route for what nobody exposes."""
    return {
        "match": {"prefix": "/"},
        "direct_response": {"status": 404, "body": {"inline_string": "Not found.\n"}},
    }


def _retry_policy(profile: HttpProfile, conditions: Sequence[str], attempts: int) -> dict[str, Any]:
    return {
        "retry_on": ",".join(conditions),
        "num_retries": attempts,
        "retry_back_off": {
            "base_interval": seconds(profile.retries.base_interval),
            "max_interval": seconds(profile.retries.max_interval),
        },
        "host_selection_retry_max_attempts": 5,
        "retry_host_predicate": [_PREVIOUS_HOSTS_PREDICATE],
        # The first retry leaves the region at once, even while it still looks healthy.
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": any_type(_PREVIOUS_PRIORITIES, update_frequency=1),
        },
    }


def _local_replies(cluster: str) -> dict[str, Any]:
    """Gives the form of Envoy's own replies: who answered, and an honest page instead of a flag."""
    headers = served_by(cluster, OWN_POD)
    unavailable = {
        "filter": _status_filter("GE", 503, "unavailable_from"),
        "headers_to_add": [*headers, add_if_absent("retry-after", "5")],
        "body_format_override": {
            "text_format_source": {"inline_string": _UNAVAILABLE_PAGE.replace("%", "%%")},
            "content_type": "text/html; charset=utf-8",
        },
    }
    others = {"filter": _status_filter("GE", 100, "any_from"), "headers_to_add": headers}
    return {"mappers": [unavailable, others]}


def _status_filter(op: str, status: int, key: str) -> dict[str, Any]:
    value = {"default_value": status, "runtime_key": f"local_reply.{key}"}
    return {"status_code_filter": {"comparison": {"op": op, "value": value}}}


def _access_log() -> dict[str, Any]:
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
