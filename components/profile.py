"""The resilience settings of `http-profile.yaml`: time-outs, retries, outlier detection, limits.

The keys are those of a Tetrate Profile. Tetrate's defaults for outlier detection are not Envoy's
(it ejects on gateway failures only, Envoy on 5xx only; 100 % of the hosts, Envoy 10 %), so that
a key left out would mean one thing on one platform and another on the other: every key must be
written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: The conditions that Envoy's router knows for HTTP (its `retry_on`).
RETRY_CONDITIONS = (
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "refused-stream",
    "retriable-4xx",
    "envoy-ratelimited",
)

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")
_SETTINGS = "spec.defaults.traffic.outbound.upstreamTrafficSettings"


class ProfileError(ValueError):
    """A profile that cannot be followed; the text is for people."""


@dataclass(frozen=True)
class Retries:
    """How often, when and how soon a request is tried again; times in seconds."""

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
    """All that `http-profile.yaml` sets; `request_timeout` in seconds."""

    request_timeout: float
    retries: Retries
    outlier_detection: OutlierDetection
    limits: Limits


def http_profile(document: Mapping[str, Any], *, source: str = "http-profile.yaml") -> HttpProfile:
    """Reads a document of kind Profile (profile.tsb.tetrate.io/v2).

    `source` names the file in error texts. Raises ProfileError for an unknown or missing key and
    for a value out of range, naming the key's path and the remedy.
    """
    top = _Section(document, "", source)
    if top.take("apiVersion") != "profile.tsb.tetrate.io/v2" or top.take("kind") != "Profile":
        raise ProfileError(
            f"{source}: this is no profile; the file needs a document with "
            "'apiVersion: profile.tsb.tetrate.io/v2' and 'kind: Profile'"
        )
    resilience = _resilience(top, source)
    if resilience.take("circuitBreakerSensitivity") != "CUSTOM":
        raise resilience.wrong("circuitBreakerSensitivity", "must be CUSTOM, which uses the values")
    pool = resilience.section("connectionPool")
    http, tcp = pool.section("http"), pool.section("tcp")
    request_timeout = http.duration("requestTimeout")
    retries = _retries(http.section("retries"))
    if retries.per_try_timeout >= request_timeout:
        raise http.wrong(
            "retries.perTryTimeout",
            f"({retries.per_try_timeout:g}s) must be below requestTimeout ({request_timeout:g}s), "
            "else a hanging backend takes all the time and no retry goes elsewhere",
        )
    profile = HttpProfile(
        request_timeout=request_timeout,
        retries=retries,
        outlier_detection=_outlier_detection(resilience.section("outlierDetection")),
        limits=_limits(http, tcp),
    )
    for section in (resilience, pool, http, tcp):
        section.end()
    return profile


def _resilience(top: _Section, source: str) -> _Section:
    """Gives the section `settings.resilience` of the one element of `upstreamTrafficSettings`."""
    defaults = top.section("spec").section("defaults")
    traffic = defaults.section("traffic")
    outbound = traffic.section("outbound")
    entries = outbound.take("upstreamTrafficSettings")
    if not isinstance(entries, list) or len(entries) != 1:
        raise ProfileError(f"{source}: {_SETTINGS} must be a list of one element")
    entry = _Section(entries[0], f"{_SETTINGS}[0]", source)
    if entry.take("hosts") != ["*"]:
        raise entry.wrong("hosts", 'must be ["*"]: one profile serves every route')
    settings = entry.section("settings")
    resilience = settings.section("resilience")
    for section in (defaults, traffic, outbound, entry, settings):
        section.end()
    return resilience


def _retries(section: _Section) -> Retries:
    back_off = section.section("retryBackOff")
    text = section.take("retryOn")
    conditions = tuple(part.strip() for part in str(text).split(","))
    for condition in conditions:
        if condition not in RETRY_CONDITIONS:
            raise section.wrong(
                "retryOn",
                f"has the unknown condition '{condition}'; known: {', '.join(RETRY_CONDITIONS)}",
            )
    retries = Retries(
        attempts=section.integer("attempts", 0, 10),
        per_try_timeout=section.duration("perTryTimeout"),
        retry_on=conditions,
        base_interval=back_off.duration("baseInterval"),
        max_interval=back_off.duration("maxInterval"),
    )
    if retries.max_interval < retries.base_interval:
        raise back_off.wrong("maxInterval", "must not be below baseInterval")
    back_off.end()
    section.end()
    return retries


def _outlier_detection(section: _Section) -> OutlierDetection:
    detection = OutlierDetection(
        consecutive_5xx=section.integer("consecutive5xx", 1, 10_000),
        enforcing_consecutive_5xx=section.integer("enforcingConsecutive5xx", 0, 100),
        consecutive_gateway_failure=section.integer("consecutiveGatewayFailure", 1, 10_000),
        enforcing_consecutive_gateway_failure=section.integer(
            "enforcingConsecutiveGatewayFailure", 0, 100
        ),
        interval=section.duration("interval"),
        base_ejection_time=section.duration("baseEjectionTime"),
        max_ejection_time=section.duration("maxEjectionTime"),
        max_ejection_percent=section.integer("maxEjectionPercent", 0, 100),
        split_external_local_origin_errors=section.boolean("splitExternalLocalOriginErrors"),
    )
    if detection.max_ejection_time < detection.base_ejection_time:
        raise section.wrong("maxEjectionTime", "must not be below baseEjectionTime")
    section.end()
    return detection


def _limits(http: _Section, tcp: _Section) -> Limits:
    keep_alive = tcp.section("keepAlive")
    limits = Limits(
        connect_timeout=tcp.duration("connectTimeout"),
        max_connections=tcp.integer("maxConnections", 1, 1_000_000),
        max_requests=http.integer("maxRequests", 1, 1_000_000),
        keepalive_probes=keep_alive.integer("probes", 1, 100),
        keepalive_idle=keep_alive.integer("idleTime", 1, 32_767),
        keepalive_interval=keep_alive.integer("interval", 1, 32_767),
    )
    keep_alive.end()
    return limits


class _Section:
    """A mapping of the document whose keys are taken one by one; what is left over is unknown."""

    def __init__(self, value: object, path: str, source: str) -> None:
        self._path = path
        self._source = source
        if not isinstance(value, Mapping):
            raise ProfileError(f"{source}: {path or 'the document'} must be a mapping")
        self._left = dict(value)

    def wrong(self, key: str, what: str) -> ProfileError:
        return ProfileError(f"{self._source}: {self._at(key)} {what}")

    def take(self, key: str) -> object:
        if key not in self._left:
            raise ProfileError(
                f"{self._source}: {self._at(key)} is missing; write it, "
                "because defaults differ between platforms"
            )
        return self._left.pop(key)

    def section(self, key: str) -> _Section:
        return _Section(self.take(key), self._at(key), self._source)

    def duration(self, key: str) -> float:
        value = self.take(key)
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
        if not 0.001 <= seconds <= 3600:
            raise self.wrong(
                key, f"is {value!r}; a time from 1ms to 1h is needed, such as 3s or 0.25s"
            )
        return seconds

    def integer(self, key: str, low: int, high: int) -> int:
        value = self.take(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(key, f"is {value!r}; a whole number from {low} to {high} is needed")
        return value

    def boolean(self, key: str) -> bool:
        value = self.take(key)
        if not isinstance(value, bool):
            raise self.wrong(key, f"is {value!r}; true or false is needed")
        return value

    def end(self) -> None:
        """Refuses keys that nobody took: a misspelt key must not silently do nothing."""
        for key in self._left:
            raise self.wrong(key, "is unknown here; remove it or correct its name")

    def _at(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key
