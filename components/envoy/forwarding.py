"""Where Envoy sends a request, and what it does when the answer is bad or late."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.envoy.common import any_type, seconds
from components.profile import HttpProfile

#: Conditions under which a request was surely not executed by any backend.
_NOT_EXECUTED = ("connect-failure", "refused-stream", "reset-before-request")

_PREVIOUS_HOSTS = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
_PREVIOUS_PRIORITIES = (
    "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig"
)

#: The condition under which the statuses of a retry policy count.
_BY_STATUS = "retriable-status-codes"
_PREVIOUS_HOSTS_PREDICATE = {
    "name": "envoy.retry_host_predicates.previous_hosts",
    "typed_config": any_type(_PREVIOUS_HOSTS),
}

#: Below the time-out of a health check, so that the gateway's own verdict arrives.
HEALTH_ROUTE_TIMEOUT = "0.7s"


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
    and never hedged, because the backend cannot tell a second try from a second order. Times are
    in seconds; 0 is none.
    """
    match = below(path)
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


def below(path: str) -> dict[str, Any]:
    """Gives the match of a path and all that is below it."""
    return {"prefix": "/"} if path == "/" else {"path_separated_prefix": path}


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
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": any_type(_PREVIOUS_PRIORITIES, update_frequency=1),
        },
    }
    if statuses:
        policy["retriable_status_codes"] = statuses
    return policy
