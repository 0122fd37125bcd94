"""Which requests the edge may send again, for any profile, Service and request."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from components.envoy.forwarding import NOT_EXECUTED, Tries, forwarding_routes
from components.profile.model import RETRY_CONDITIONS
from components.routing.transport import SAFE_METHODS, Transport
from tests.support.envoy_lab import portal_route, shipped_profile

METHODS = (*SAFE_METHODS, "POST", "PUT", "PATCH", "DELETE")
HEADERS = {
    "idempotency-key": "1",
    "upgrade": "websocket",
    "accept": "text/html, text/event-stream",
}
PROFILE = shipped_profile()


def matches(matcher: dict[str, Any], headers: dict[str, str]) -> bool:
    """Match a header as Envoy does (its HeaderMatcher)."""
    value = headers.get(matcher["name"])
    if "present_match" in matcher:
        return (value is not None) == matcher["present_match"]
    if value is None and not matcher.get("treat_missing_header_as_empty"):
        return False
    rule = matcher["string_match"]
    if "contains" in rule:
        found = rule["contains"] in (value or "")
    else:
        found = re.fullmatch(rule["safe_regex"]["regex"], value or "") is not None
    return found != matcher.get("invert_match", False)


@given(
    method=st.sampled_from(METHODS),
    sent=st.sets(st.sampled_from(sorted(HEADERS))),
    repeatable=st.sets(st.sampled_from(METHODS[4:])),
    conditions=st.lists(st.sampled_from((*RETRY_CONDITIONS, "409", "504")), min_size=1),
    attempts=st.integers(0, 10),
    hedge_after=st.sampled_from((0.0, 0.25)),
    patient=st.sampled_from(("", "patient")),
)
def test_what_may_not_be_sent_twice_is_sent_again_only_if_nobody_executed_it(
    method: str,
    sent: set[str],
    repeatable: set[str],
    conditions: list[str],
    attempts: int,
    hedge_after: float,
    patient: str,
) -> None:
    route = replace(portal_route(), transport=Transport(repeatable=tuple(sorted(repeatable))))
    tries = Tries(tuple(conditions), attempts, 60.0, hedge_after)
    routes = forwarding_routes(route, "quick", PROFILE, tries, patient=patient)
    headers = {":method": method, **{key: HEADERS[key] for key in sent}}
    taken = next(
        entry["route"]
        for entry in routes
        if all(matches(each, headers) for each in entry["match"].get("headers", []))
    )
    policy = taken.get("retry_policy", {})
    named = {each for each in policy.get("retry_on", "").split(",") if each}
    may_repeat = method in SAFE_METHODS or method in repeatable or "idempotency-key" in sent
    if not may_repeat:
        assert named <= set(NOT_EXECUTED)
        assert "retriable_status_codes" not in policy
        assert "hedge_policy" not in taken
    assert policy.get("num_retries", 0) <= attempts
    assert taken["timeout"] == "0s"
    waits = not may_repeat or bool(sent & {"upgrade", "accept"})
    assert taken["cluster"] == (patient if patient and waits else "quick")
