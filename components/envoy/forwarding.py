"""Where Envoy sends a request, and what it does when the answer is bad or late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.envoy import virtual_hosts
from components.envoy.common import extension, seconds
from components.profile.model import HttpProfile
from components.routing.routes import Route
from components.routing.transport import SAFE_METHODS, Protocol

#: Conditions under which a request was surely not executed by any application.
NOT_EXECUTED = ("connect-failure", "refused-stream", "reset-before-request")

#: What Envoy's conditions for whole families of statuses stand for, without 504.
_SUMS = {"gateway-error": ("502", "503"), "5xx": ("500", "501", "502", "503", "505")}
_BROKEN_OFF = ("connect-failure", "refused-stream", "reset")

_PREVIOUS_HOSTS = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
_PREVIOUS_PRIORITIES = (
    "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig"
)

#: The condition under which the statuses of a retry policy count.
_BY_STATUS = "retriable-status-codes"
_PREVIOUS_HOSTS_PREDICATE = extension("envoy.retry_host_predicates.previous_hosts", _PREVIOUS_HOSTS)

#: Headers of a request that begins neither a WebSocket nor server-sent events.
_NO_STREAM = [
    {"name": "upgrade", "present_match": False},
    {
        "name": "accept",
        "string_match": {"contains": "text/event-stream"},
        "invert_match": True,
        "treat_missing_header_as_empty": True,
    },
]

#: Below the time-out of a health check, so that the gateway's own verdict arrives; and of a try.
HEALTH_ROUTE_TIMEOUT = ("0.7s", "0.3s")
#: The same of checks that decide about a failback, which take pods short of CPU for well.
OWN_HEALTH_TIMEOUT = ("1.5s", "0.7s")


@dataclass(frozen=True)
class Tries:
    """How often and when a tier tries a request again; times in seconds, 0 for none."""

    conditions: tuple[str, ...]
    attempts: int
    first_byte: float
    """Longest time to the first byte of an answer."""
    hedge_after: float = 0.0
    """Time after which a second try starts beside one that is silent."""


def forwarding_routes(
    route: Route, cluster: str, profile: HttpProfile, tries: Tries, *, patient: str = ""
) -> list[dict[str, Any]]:
    """Return the routes that send requests below the route's path to the Envoy cluster.

    Safe methods, those that the Service's annotation names, and requests with an Idempotency-Key
    are tried again on the conditions of `tries`, elsewhere first and one try after another; a
    second try beside the first is only made where the annotation asks for it. Any other request is
    tried again only if it was surely not executed, for the application cannot tell a second try
    from a second order. Such requests, WebSockets and server-sent events go to the Envoy cluster
    `patient`, where there is one, as do all calls of gRPC. Streams are never hedged.
    """
    match = virtual_hosts.below(route.path)
    repeatable = "|".join((*SAFE_METHODS, *route.transport.repeatable))
    not_repeatable = [
        {
            "name": ":method",
            "string_match": {"safe_regex": {"regex": repeatable}},
            "invert_match": True,
        },
        {"name": "idempotency-key", "present_match": False},
    ]
    cautious = [each for each in tries.conditions if each in NOT_EXECUTED]
    again = _action(cluster, profile, tries, tries.conditions)
    once = _action(patient or cluster, profile, tries, cautious)
    routes = [{"match": {**match, "headers": not_repeatable}, "route": once}]
    if route.transport.protocol is Protocol.GRPC:  # any call may be a stream, and none tells
        return [*routes, {"match": match, "route": {**again, "cluster": patient or cluster}}]
    if tries.hedge_after and tries.attempts:
        hedged = _hedged(again, tries)
    elif patient:
        hedged = again
    else:
        return [*routes, {"match": match, "route": again}]
    stream = {**again, "cluster": patient or cluster}
    return [
        *routes,
        {"match": {**match, "headers": _NO_STREAM}, "route": hedged},
        {"match": match, "route": stream},
    ]


def _action(
    cluster: str, profile: HttpProfile, tries: Tries, conditions: Sequence[str]
) -> dict[str, Any]:
    """Return where a request goes, and its tries.

    What ends a request is that nothing moves, so the route has no time-out of its own. Envoy's
    per-try time-out begins when the request has been sent and no longer counts when the answer has
    begun (UpstreamRequest::onPerTryTimeout): it is the time to the first byte.
    """
    policy = _retry_policy(profile, conditions, tries.attempts if conditions else 0)
    action: dict[str, Any] = {"cluster": cluster, "timeout": "0s", "retry_policy": policy}
    if tries.first_byte:
        policy["per_try_timeout"] = seconds(tries.first_byte)
    return action


def _hedged(action: Mapping[str, Any], tries: Tries) -> dict[str, Any]:
    """Return an action with a second try beside one that is silent.

    The time to the first byte is taken by the time in which a try may be idle: its own has become
    that of the hedge. Without it the tier in front would ask again. The second try begins later
    and has to end in time as well.
    """
    policy = {**action["retry_policy"], "per_try_timeout": seconds(tries.hedge_after)}
    if tries.first_byte > tries.hedge_after:
        policy["per_try_idle_timeout"] = seconds(tries.first_byte - tries.hedge_after)
    hedge = {"hedge_policy": {"hedge_on_per_try_timeout": True}}
    return {**action, "retry_policy": policy, **hedge}


def is_below(path: str, other: str) -> bool:
    """Check whether `virtual_hosts.below(other)` matches a path."""
    return other == "/" or f"{path}/".startswith(f"{other}/")


def health_route(
    cluster: str,
    host: str,
    headers: Sequence[dict[str, Any]],
    times: tuple[str, str] = HEALTH_ROUTE_TIMEOUT,
) -> dict[str, Any]:
    """Return the route of a health check that goes through to the Envoy cluster.

    It asks for what the cluster as a whole can do: a second host of the same priority if the
    first does not answer, and another region only if no host here is left. `host` is the name
    that the application knows, `headers` are those that it needs, `times` the time-outs of the
    request and of a try.
    """
    retry = {
        "retry_on": "connect-failure,reset,gateway-error",
        "num_retries": 1,
        "per_try_timeout": times[1],
        "retry_back_off": {"base_interval": "0.005s"},
        "host_selection_retry_max_attempts": 5,
        "retry_host_predicate": [_PREVIOUS_HOSTS_PREDICATE],
    }
    return {
        "match": {"prefix": "/"},
        **({"request_headers_to_add": list(headers)} if headers else {}),
        "route": {
            "cluster": cluster,
            "timeout": times[0],
            "host_rewrite_literal": host,
            "retry_policy": retry,
        },
    }


def _without_late_answers(conditions: Sequence[str]) -> list[str]:
    """Return conditions that leave 504 out: a page that takes too long is not asked for again."""
    found: list[str] = []
    for condition in conditions:
        found += [*_BROKEN_OFF, *_SUMS[condition]] if condition in _SUMS else [condition]
    return list(dict.fromkeys(found))


def _retry_policy(profile: HttpProfile, conditions: Sequence[str], attempts: int) -> dict[str, Any]:
    conditions = _without_late_answers(conditions)
    statuses = [int(c) for c in conditions if c.isdigit()]
    named = [c for c in conditions if not c.isdigit()]
    if statuses and _BY_STATUS not in named:  # Envoy looks at the statuses only with it
        named.append(_BY_STATUS)
    policy: dict[str, Any] = {
        "retry_on": ",".join(named),
        "num_retries": attempts,
        "retry_back_off": {
            "base_interval": seconds(profile.retries.base_interval),
            "max_interval": seconds(profile.retries.max_interval),
        },
        "host_selection_retry_max_attempts": 5,
        "retry_host_predicate": [_PREVIOUS_HOSTS_PREDICATE],
        # The first retry leaves the region at once, even while it still looks healthy.
        "retry_priority": extension(
            "envoy.retry_priorities.previous_priorities", _PREVIOUS_PRIORITIES, update_frequency=1
        ),
    }
    if statuses:
        policy["retriable_status_codes"] = statuses
    return policy
