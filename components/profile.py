"""The resilience settings of `http-profile.yaml`: time-outs, retries, outlier detection, limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class ProfileError(ValueError):
    """A profile that cannot be followed; the text is for people."""


@dataclass(frozen=True)
class Retries:
    """How often and when a request is tried again; `per_try_timeout` in seconds."""

    attempts: int
    per_try_timeout: float
    retry_on: tuple[str, ...]


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


@dataclass(frozen=True)
class Limits:
    """Connection limits towards one Envoy cluster; `connect_timeout`, `idle_timeout` in seconds."""

    connect_timeout: float
    max_connections: int
    max_pending_requests: int
    max_requests: int
    idle_timeout: float


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
    raise NotImplementedError
