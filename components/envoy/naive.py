"""The naive route: the same Services through a plain balancer, to show what faults cost with one.

It is what the resilient path is without all that makes it resilient: round robin over the addresses
that are configured or that DNS names, with no health checks, no outlier detection, no retries, no
hedging, no priorities. Addresses, mutual TLS and time-outs are the same. It takes a mark on the
request to get through: without it the gateway's own failover would hide what the edge's balancer
does. The edge sets the mark on this route and takes it off everywhere else, so no client chooses.
"""

from __future__ import annotations

import copy
from typing import Any

from components.envoy.common import seconds
from components.envoy.forwarding import below
from components.envoy.protocols import HTTP_OPTIONS
from components.routing.routes import Route

#: What the path of a request for the naive route begins with; it is not forwarded.
PREFIX = "/naive"
#: The edge's word to the gateways that a request came by the naive route.
MARK = "x-demo-naive"

_MARKED = "true"
#: What an Envoy cluster knows and does about the health of its hosts.
_RESILIENCE = ("health_checks", "outlier_detection", "upstream_connection_options")


def path(route: Route) -> str:
    """Return the path at which the edge serves the route the naive way."""
    return PREFIX if route.path == "/" else f"{PREFIX}{route.path}"


def is_shadowed(route: Route) -> bool:
    """Say whether the route's own path is where naive routes are."""
    return f"{route.path}/".startswith(f"{PREFIX}/")


def cluster(name: str, resilient: dict[str, Any]) -> dict[str, Any]:
    """Return the plain twin of an Envoy cluster whose endpoints have one priority."""
    kept = {key: value for key, value in resilient.items() if key not in _RESILIENCE}
    options = copy.deepcopy(resilient["typed_extension_protocol_options"])
    options[HTTP_OPTIONS]["explicit_http_config"].get("http2_protocol_options", {}).pop(
        "connection_keepalive", None
    )
    return {
        **kept,
        "name": name,
        "typed_extension_protocol_options": options,
        "load_assignment": {**resilient["load_assignment"], "cluster_name": name},
    }


def edge_route(route: Route, cluster: str, timeout: float) -> dict[str, Any]:
    """Return the edge's route that sends what is below the prefix, once, with the mark."""
    return {
        "match": below(path(route)),
        "request_headers_to_add": [
            {
                "header": {"key": MARK, "value": _MARKED},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        ],
        "route": {
            "cluster": cluster,
            "timeout": seconds(timeout),
            "regex_rewrite": {"pattern": {"regex": f"^{PREFIX}/?"}, "substitution": "/"},
        },
    }


def unmarked() -> dict[str, Any]:
    """Return the fields of the edge's route configuration that take a client's own mark away.

    They act on every route, before the route's own headers are set.
    """
    return {"request_headers_to_remove": [MARK], "most_specific_header_mutations_wins": True}


def gateway_route(route: Route, cluster: str, timeout: float) -> dict[str, Any]:
    """Return the gateway's route that sends marked requests on, once."""
    marked = {"name": MARK, "string_match": {"exact": _MARKED}}
    return {
        "match": {**below(route.path), "headers": [marked]},
        "route": {"cluster": cluster, "timeout": seconds(timeout)},
    }
