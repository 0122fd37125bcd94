"""The resilience settings of `http-profile.yaml`: time-outs, retries, outlier detection, limits.

The keys are those of a Tetrate Profile, and a key that is left out has the value that Tetrate
documents, on every platform. Values that invite trouble are taken as they are:
`components.profile.lint` warns of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from components.profile.defaults import DEFAULTS
from components.profile.requests import RequestRules, request_rules
from components.profile.section import ProfileError, Section
from components.routing.transport import PREFIX

#: Conditions of Envoy's router (its `retry_on`), two of them for gRPC. Statuses may be named beside
#: `retriable-status-codes`.
RETRY_CONDITIONS = (
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "refused-stream",
    "retriable-4xx",
    "retriable-status-codes",
    "envoy-ratelimited",
    "cancelled",
    "unavailable",
)

#: The largest number that Envoy's circuit breakers know: no limit.
UNLIMITED = 2**32 - 1

#: Annotations of the Profile for what Tetrate's have no key for, and their defaults in seconds.
IDLE_TIMEOUT = f"{PREFIX}idle-timeout"
IDLE_SECONDS = 300.0
FAILBACK_RAMP = f"{PREFIX}failback-ramp"
RAMP_SECONDS = 30.0

_STATUS = re.compile(r"[1-5]\d\d")
_SETTINGS = "spec.defaults.traffic.outbound.upstreamTrafficSettings"


@dataclass(frozen=True)
class Retries:
    """How often, when and how soon a request is tried again; times in seconds.

    `per_try_timeout` 0 is none. `retry_on` has conditions and, in digits, statuses.
    """

    attempts: int
    per_try_timeout: float
    retry_on: tuple[str, ...]
    base_interval: float
    max_interval: float


@dataclass(frozen=True)
class OutlierDetection:
    """When an address is left out for a while because of its answers; times in seconds."""

    consecutive_5xx: int
    enforcing_consecutive_5xx: int
    consecutive_gateway_failure: int
    enforcing_consecutive_gateway_failure: int
    interval: float
    base_ejection_time: float
    max_ejection_time: float
    max_ejection_percent: int
    split_external_local_origin_errors: bool


@dataclass(frozen=True)
class Limits:
    """Limits towards one upstream; `connect_timeout` and the keep-alive times in seconds."""

    connect_timeout: float
    max_connections: int
    max_requests: int
    keepalive_probes: int
    keepalive_idle: int
    keepalive_interval: int


@dataclass(frozen=True)
class HttpProfile:
    """All that `http-profile.yaml` sets; `request_timeout` in seconds, 0 is none.

    `request_timeout` is the longest time to the first byte of an answer, `idle_timeout` the longest
    in which nothing moves. `failback_ramp` is the time in which a cluster that returns gets its
    whole share again, where failback is ramped. `left_out` names the keys of DEFAULTS that the file
    leaves out.
    """

    request_timeout: float
    retries: Retries
    outlier_detection: OutlierDetection
    limits: Limits
    left_out: tuple[str, ...] = ()
    idle_timeout: float = IDLE_SECONDS
    failback_ramp: float = RAMP_SECONDS
    requests: RequestRules = field(default_factory=RequestRules)


def http_profile(document: Mapping[str, Any], *, source: str = "http-profile.yaml") -> HttpProfile:
    """Read a document of kind Profile (profile.tsb.tetrate.io/v2).

    `source` names the file in error texts. Raises ProfileError for an unknown key, for a value
    out of range and for what no profile can do without, naming the key's path and the remedy.
    """
    top = Section(document, "", source)
    if top.take("apiVersion") != "profile.tsb.tetrate.io/v2" or top.take("kind") != "Profile":
        raise ProfileError(
            f"{source}: this is no profile; the file needs a document with "
            "'apiVersion: profile.tsb.tetrate.io/v2' and 'kind: Profile'"
        )
    notes = (document.get("metadata") or {}).get("annotations") or {}
    annotations = Section(notes, "metadata.annotations", source)
    resilience, left_out = _resilience(top, source)
    sensitivity = resilience.take("circuitBreakerSensitivity")
    if sensitivity not in (None, "CUSTOM"):
        raise resilience.wrong("circuitBreakerSensitivity", "must be CUSTOM, which uses the values")
    pool = resilience.section("connectionPool")
    http, tcp = pool.section("http"), pool.section("tcp")
    detection = _outlier_detection(resilience.section("outlierDetection"))
    if sensitivity is None:
        detection = replace(
            detection,
            enforcing_consecutive_5xx=0,
            enforcing_consecutive_gateway_failure=0,
            split_external_local_origin_errors=False,
        )
    profile = HttpProfile(
        request_timeout=http.duration("requestTimeout"),
        retries=_retries(http),
        outlier_detection=detection,
        limits=_limits(http, tcp),
        left_out=left_out,
        idle_timeout=annotations.duration(IDLE_TIMEOUT, IDLE_SECONDS),
        failback_ramp=annotations.duration(FAILBACK_RAMP, RAMP_SECONDS),
        requests=request_rules(annotations),
    )
    annotations.end(PREFIX)
    for section in (resilience, pool, http, tcp):
        section.end()
    return profile


def _resilience(top: Section, source: str) -> tuple[Section, tuple[str, ...]]:
    """Return `settings.resilience` of the one `upstreamTrafficSettings`, and its gaps."""
    defaults = top.section("spec").section("defaults")
    traffic = defaults.section("traffic")
    outbound = traffic.section("outbound")
    entries = outbound.take("upstreamTrafficSettings")
    if not isinstance(entries, list) or len(entries) != 1:
        raise ProfileError(f"{source}: {_SETTINGS} must be a list of one element")
    entry = Section(entries[0], f"{_SETTINGS}[0]", source)
    if entry.take("hosts") != ["*"]:
        raise entry.wrong("hosts", 'must be ["*"]: one profile serves every route')
    settings = entry.section("settings")
    given = settings.take("resilience")
    for section in (defaults, traffic, outbound, entry, settings):
        section.end()
    values = {path: default.value for path, default in DEFAULTS.items()}
    resilience = Section(given, f"{_SETTINGS}[0].settings.resilience", source, values)
    return resilience, tuple(path for path in DEFAULTS if not _has(given, path))


def _has(document: object, path: str) -> bool:
    for key in path.split("."):
        if not isinstance(document, Mapping) or document.get(key) is None:
            return False
        document = document[key]
    return True


def _retries(http: Section) -> Retries:
    left_out = http.lacks("retries")
    section = http.section("retries")
    if section.lacks("attempts") and not left_out:
        raise section.wrong(
            "attempts", "is missing; write it, for Tetrate takes no retries without"
        )
    back_off = section.section("retryBackOff")
    conditions = tuple(part.strip() for part in str(section.take("retryOn")).split(","))
    for condition in conditions:
        if condition not in RETRY_CONDITIONS and not _STATUS.fullmatch(condition):
            raise section.wrong(
                "retryOn",
                f"has the unknown condition '{condition}'; known: {', '.join(RETRY_CONDITIONS)}",
            )
    base = back_off.duration("baseInterval")
    retries = Retries(
        attempts=section.integer("attempts", 0, 10),
        per_try_timeout=section.duration("perTryTimeout"),
        retry_on=conditions,
        base_interval=base,
        max_interval=back_off.duration("maxInterval", 10 * base),
    )
    if retries.max_interval < retries.base_interval:
        raise back_off.wrong("maxInterval", "must not be below baseInterval")
    back_off.end()
    section.end()
    return retries


def _outlier_detection(section: Section) -> OutlierDetection:
    base = section.duration("baseEjectionTime")
    detection = OutlierDetection(
        consecutive_5xx=section.integer("consecutive5xx", 1, 10_000),
        enforcing_consecutive_5xx=section.integer("enforcingConsecutive5xx", 0, 100),
        consecutive_gateway_failure=section.integer("consecutiveGatewayFailure", 1, 10_000),
        enforcing_consecutive_gateway_failure=section.integer(
            "enforcingConsecutiveGatewayFailure", 0, 100
        ),
        interval=section.duration("interval"),
        base_ejection_time=base,
        max_ejection_time=section.duration("maxEjectionTime", max(300.0, base)),
        max_ejection_percent=section.integer("maxEjectionPercent", 0, 100),
        split_external_local_origin_errors=section.boolean("splitExternalLocalOriginErrors"),
    )
    if detection.max_ejection_time < base:
        raise section.wrong("maxEjectionTime", "must not be below baseEjectionTime")
    section.end()
    return detection


def _limits(http: Section, tcp: Section) -> Limits:
    keep_alive = tcp.section("keepAlive")
    limits = Limits(
        connect_timeout=tcp.duration("connectTimeout"),
        max_connections=tcp.integer("maxConnections", 0, UNLIMITED) or UNLIMITED,
        max_requests=http.integer("maxRequests", 0, UNLIMITED) or UNLIMITED,
        keepalive_probes=keep_alive.integer("probes", 1, 100),
        keepalive_idle=keep_alive.integer("idleTime", 1, 32_767),
        keepalive_interval=keep_alive.integer("interval", 1, 32_767),
    )
    keep_alive.end()
    return limits
