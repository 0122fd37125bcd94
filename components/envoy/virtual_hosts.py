"""Virtual hosts: what a request is matched by, and what Envoy answers by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from components.profile.requests import RequestRules
from components.routing.routes import Route


def virtual_host(
    name: str,
    domains: Sequence[str],
    routes: Sequence[dict[str, Any]],
    kept_body: int = RequestRules.retry_body,
) -> dict[str, Any]:
    """Return a virtual host; bodies up to `kept_body` bytes are kept for another try.

    Larger ones are sent once.
    """
    return {
        "name": name,
        "domains": list(domains),
        "request_body_buffer_limit": kept_body,
        "routes": list(routes),
    }


def below(path: str) -> dict[str, Any]:
    """Return the match of a path and all that is below it."""
    return {"prefix": "/"} if path == "/" else {"path_separated_prefix": path}


def longest_first(routes: Iterable[Route]) -> list[Route]:
    """Return the routes in the order in which their paths are looked at."""
    return sorted(routes, key=lambda route: len(route.path), reverse=True)


def not_found(path: str = "/") -> dict[str, Any]:
    """Return the route for what nobody exposes, of all that is below a path."""
    return {
        "match": below(path),
        "direct_response": {"status": 404, "body": {"inline_string": "Not found.\n"}},
    }


def unhealthy() -> dict[str, Any]:
    """Return the route for checks of a Service that is not known, or not yet."""
    return {
        "match": below("/"),
        "direct_response": {"status": 503, "body": {"inline_string": "Unknown.\n"}},
    }


def refused(methods: Sequence[str]) -> list[dict[str, Any]]:
    """Return the route for other methods than those; none if none is named."""
    if not methods:
        return []
    known = {"safe_regex": {"regex": "|".join(methods)}}
    other = {"name": ":method", "string_match": known, "invert_match": True}
    allowed = {"header": {"key": "allow", "value": ", ".join(methods)}}
    return [
        {
            "match": {"prefix": "/", "headers": [other]},
            "response_headers_to_add": [allowed],
            "direct_response": {"status": 405, "body": {"inline_string": "Method not allowed.\n"}},
        }
    ]
