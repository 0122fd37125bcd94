"""Which settings are traps, and which are none."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from components.profile.lint import traps
from components.profile.lint.model import Context, Trap
from components.profile.model import http_profile
from components.routing.targets import LbMode
from foundation.project import ROOT
from tests.support.profiles import EARLIER

SHIPPED = ROOT / "manifests" / "http-profile.yaml"
LEFT_OUT = object()
HTTP, TCP, EJECTION = "connectionPool.http", "connectionPool.tcp", "outlierDetection"
RETRY_ON = f"{HTTP}.retries.retryOn"
TETRATE = Context(platform="tetrate", lb_mode=LbMode.LOCALITY)


def document(**changes: object) -> dict[str, Any]:
    """Gives the shipped profile with some keys, by path below `resilience`, set or left out."""
    changed = copy.deepcopy(yaml.safe_load(SHIPPED.read_text()))
    outbound = changed["spec"]["defaults"]["traffic"]["outbound"]
    for path, value in changes.items():
        *sections, key = path.split(".")
        context = outbound["upstreamTrafficSettings"][0]["settings"]["resilience"]
        for section in sections:
            context = context[section]
        if value is LEFT_OUT:
            del context[key]
        else:
            context[key] = value
    return changed


def found(changes: Mapping[str, object], context: Context | None = None) -> list[Trap]:
    return traps(http_profile(document(**changes)), context or Context())


def check_line(line: str, text: str) -> None:
    """Check that the parts of a text between `.*` are in a line, in this order."""
    position = 0
    for part in text.split(".*"):
        position = line.index(part, position)


def test_the_shipped_profile_has_no_traps_on_any_number_of_clusters() -> None:
    for clusters in range(2, 14):
        assert found({}, Context(clusters=clusters)) == []
    for mode in LbMode:
        assert found({}, Context(lb_mode=mode)) == []
    assert found({}, TETRATE) == []


def test_the_earlier_demos_settings_hold_its_three_traps_and_what_was_left_out() -> None:
    seen = traps(http_profile(yaml.safe_load(EARLIER.read_text())), TETRATE)
    assert {"per-try-timeout", "enforcement", "growing-ejection"} <= {trap.name for trap in seen}
    # What it leaves out besides: the 10 s to connect that Tetrate then gives it are more than its
    # request has,
    # and three keys mean other things on other platforms.
    assert {trap.name: trap.key for trap in seen} == {
        "per-try-timeout": f"{HTTP}.retries.perTryTimeout",
        "connect-timeout": f"{TCP}.connectTimeout",
        "enforcement": f"{EJECTION}.enforcingConsecutive5xx",
        "growing-ejection": f"{EJECTION}.baseEjectionTime",
        "repeated-post": RETRY_ON,
        "left-out": "maxConnections, maxRequests, maxEjectionPercent",
    }


#: Changes to the shipped profile, the trap that they make, and what it says.
TRAPPED: list[tuple[dict[str, object], str, str]] = [
    ({f"{HTTP}.requestTimeout": LEFT_OUT}, "left-out", "requestTimeout none, Envoy's own 15s"),
    (
        {f"{EJECTION}.enforcingConsecutive5xx": LEFT_OUT},
        "enforcement",
        "left out: 0, beside consecutive5xx 5): the rule counts and ejects nobody",
    ),
    (
        {
            f"{EJECTION}.consecutive5xx": LEFT_OUT,
            f"{EJECTION}.enforcingConsecutive5xx": LEFT_OUT,
        },
        "left-out",
        "enforcingConsecutive5xx 0, Envoy's own 100",
    ),
    (
        {f"{EJECTION}.enforcingConsecutiveGatewayFailure": 0},
        "enforcement",
        "enforcingConsecutiveGatewayFailure (0, and enforcingConsecutive5xx 0): nobody is ever",
    ),
    ({"circuitBreakerSensitivity": LEFT_OUT}, "enforcement", "in mode CUSTOM only, so nobody"),
    (
        {f"{EJECTION}.baseEjectionTime": LEFT_OUT, f"{EJECTION}.maxEjectionTime": LEFT_OUT},
        "growing-ejection",
        "left out: 30s, maxEjectionTime 300s): what failed stays without traffic for 30s, then 60s,"
        " 90s, up to 300s as it fails again",
    ),
    (
        {f"{EJECTION}.baseEjectionTime": "30s", f"{EJECTION}.maxEjectionTime": "30s"},
        "growing-ejection",
        "30s, maxEjectionTime 30s): what failed stays without traffic for 30s, however soon",
    ),
    ({f"{EJECTION}.maxEjectionTime": LEFT_OUT}, "growing-ejection", "5s, maxEjectionTime 300s"),
    (
        {f"{EJECTION}.maxEjectionPercent": 49},
        "ejection-limit",
        "49): of the edge's 2 gateways, 50 % each, none may be ejected; .*panic threshold is 1 %",
    ),
    (
        {f"{HTTP}.retries.attempts": 0, f"{HTTP}.retries.perTryTimeout": LEFT_OUT},
        "retries",
        "attempts (0): nothing is tried elsewhere",
    ),
    (
        {RETRY_ON: "connect-failure,refused-stream,reset-before-request"},
        "retries",
        "whose connection breaks while it waits; an answer 503",
    ),
    ({RETRY_ON: "connect-failure,reset"}, "retries", "not tried elsewhere: an answer 503"),
    ({RETRY_ON: "reset,gateway-error"}, "retries", "not tried elsewhere: a POST without"),
    (
        {f"{EJECTION}.splitExternalLocalOriginErrors": True},
        "local-errors",
        "true): time-outs are counted apart",
    ),
    (
        {
            f"{EJECTION}.splitExternalLocalOriginErrors": True,
            f"{EJECTION}.enforcingConsecutiveGatewayFailure": 0,
        },
        "local-errors",
        "true): time-outs are counted apart",
    ),
    (
        {f"{EJECTION}.maxEjectionPercent": LEFT_OUT, f"{TCP}.maxConnections": LEFT_OUT},
        "left-out",
        "http-profile.yaml: maxConnections, maxEjectionPercent (left out): .*"
        "(maxConnections no limit, Envoy's own 1024; maxEjectionPercent 100, Envoy's own 10)",
    ),
]


@pytest.mark.parametrize(("changes", "name", "text"), TRAPPED, ids=[t[1] for t in TRAPPED])
def test_a_trap_is_found_alone_and_said_in_one_line(
    changes: dict[str, object], name: str, text: str
) -> None:
    seen = [trap for trap in found(changes) if trap.name != "left-out" or name == "left-out"]
    assert [trap.name for trap in seen] == [name]
    check_line(seen[0].line, text)
    assert "\n" not in seen[0].line


@pytest.mark.parametrize(
    "changes",
    [
        {f"{HTTP}.retries.perTryTimeout": "99s"},  # of platform tetrate
        {f"{HTTP}.retries.perTryTimeout": LEFT_OUT},
        {f"{TCP}.connectTimeout": "99s"},
        {f"{EJECTION}.enforcingConsecutive5xx": 0},
        {f"{EJECTION}.enforcingConsecutive5xx": 100},
        {
            f"{EJECTION}.enforcingConsecutiveGatewayFailure": 0,
            f"{EJECTION}.enforcingConsecutive5xx": 100,
        },
        {f"{EJECTION}.baseEjectionTime": "29s", f"{EJECTION}.maxEjectionTime": "29s"},
        {f"{EJECTION}.maxEjectionTime": "60s"},
        {f"{EJECTION}.maxEjectionPercent": 50},
        {f"{EJECTION}.interval": LEFT_OUT, f"{EJECTION}.consecutiveGatewayFailure": LEFT_OUT},
        {RETRY_ON: "5xx,connect-failure"},
        {RETRY_ON: "reset,connect-failure,retriable-status-codes,503"},
    ],
    ids=lambda changes: " ".join(changes),
)
def test_what_works_is_no_trap(changes: dict[str, object]) -> None:
    assert found(changes) == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {f"{HTTP}.retries.perTryTimeout": "60s"},
            "60s, requestTimeout 60s): Envoy ignores it .* held for all its 60s and gets 504; .*"
            "a time of which 4 fit into requestTimeout, about 15s at most",
        ),
        (
            {f"{HTTP}.retries.perTryTimeout": LEFT_OUT},
            "left out, requestTimeout 60s): no try ends, so .* held for all its 60s",
        ),
        (
            {f"{HTTP}.retries.perTryTimeout": LEFT_OUT, f"{HTTP}.requestTimeout": LEFT_OUT},
            "left out, requestTimeout left out): .* its client gives up.*Fix: a time, such as 2s",
        ),
    ],
)
def test_on_tetrate_a_gateway_that_hangs_is_found_by_the_time_of_a_try_alone(
    changes: dict[str, object], text: str
) -> None:
    (trap,) = (each for each in found(changes, TETRATE) if each.name == "per-try-timeout")
    check_line(trap.line, text)


@pytest.mark.parametrize("connect", ["60s", LEFT_OUT])
def test_on_tetrate_a_request_may_wait_for_its_connection_only(connect: object) -> None:
    changes = {f"{TCP}.connectTimeout": connect, f"{HTTP}.requestTimeout": "10s"}
    (trap,) = (each for each in found(changes, TETRATE) if each.name == "connect-timeout")
    assert "perTryTimeout starts when there is a connection" in trap.line


def test_an_ejection_that_never_comes_is_said_once_and_neither_grows_nor_ends() -> None:
    changes: dict[str, object] = {
        f"{EJECTION}.enforcingConsecutiveGatewayFailure": 0,
        f"{EJECTION}.maxEjectionTime": LEFT_OUT,
        f"{EJECTION}.maxEjectionPercent": 10,
    }
    assert [trap.name for trap in found(changes)] == ["enforcement"]
    assert found({"circuitBreakerSensitivity": None})[0].found == "left out"


def test_all_gateways_but_one_must_be_free_to_go() -> None:
    limit = {f"{EJECTION}.maxEjectionPercent": 50}
    (trap,) = found(limit, Context(clusters=3))
    assert "of the edge's 3 gateways, 33.3 % each, only 1 may be ejected" in trap.why
    assert found({f"{EJECTION}.maxEjectionPercent": 67}, Context(clusters=3)) == []
    (elsewhere,) = found({f"{EJECTION}.maxEjectionPercent": 10}, TETRATE)
    assert elsewhere.fix == "100"  # how its Envoys panic is not known here


def test_one_cluster_has_nowhere_to_fail_over_to() -> None:
    (trap,) = found({}, Context(clusters=1))
    assert (trap.name, trap.key) == ("weights", "clusters")
    assert trap.line.startswith("the stack's settings: clusters (1): there is one application")


@pytest.mark.parametrize("mode", LbMode)
def test_weights_switch_failover_off_on_tetrate_only(mode: LbMode) -> None:
    weighted = found({}, Context(platform="tetrate", lb_mode=mode))
    said = [trap for trap in weighted if "means routing by locality there" in trap.why]
    assert bool(said) == (mode is LbMode.STANDBY)
    assert [trap.key for trap in weighted] == ([] if mode is LbMode.LOCALITY else ["lbMode"])
    assert found({}, Context(lb_mode=mode)) == []


def test_only_our_own_envoys_never_repeat_what_an_application_answered() -> None:
    changes = {RETRY_ON: "5xx,connect-failure"}
    (trap,) = found(changes, TETRATE)
    assert (trap.name, trap.key) == ("repeated-post", RETRY_ON)
    never = found({**changes, f"{HTTP}.retries.attempts": 0}, TETRATE)
    assert [trap.name for trap in never] == ["retries"]
    assert found({RETRY_ON: "gateway-error"}, TETRATE) == []
