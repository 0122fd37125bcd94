"""What http-profile.yaml may say."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.profile import ProfileError, http_profile

SHIPPED = Path(__file__).parents[2] / "manifests" / "http-profile.yaml"


@pytest.fixture
def document() -> dict[str, Any]:
    return copy.deepcopy(yaml.safe_load(SHIPPED.read_text()))


def resilience(document: dict[str, Any]) -> dict[str, Any]:
    outbound = document["spec"]["defaults"]["traffic"]["outbound"]
    return outbound["upstreamTrafficSettings"][0]["settings"]["resilience"]


def test_the_shipped_profile_leaves_a_region_in_a_quarter_of_a_second() -> None:
    profile = http_profile(yaml.safe_load(SHIPPED.read_text()))
    assert profile.request_timeout == 10
    assert profile.retries.per_try_timeout == 0.25
    assert profile.retries.attempts == 3
    assert "gateway-error" in profile.retries.retry_on
    assert profile.outlier_detection.enforcing_consecutive_gateway_failure == 100
    assert profile.outlier_detection.enforcing_consecutive_5xx == 0
    assert profile.outlier_detection.max_ejection_percent == 100


@pytest.mark.parametrize(
    ("text", "seconds"), [("3s", 3), ("250ms", 0.25), ("1m", 60), ("0.5s", 0.5), ("1h", 3600)]
)
def test_times_are_written_as_tetrate_and_as_protobuf_write_them(
    document: dict[str, Any], text: str, seconds: float
) -> None:
    resilience(document)["outlierDetection"]["interval"] = text
    assert http_profile(document).outlier_detection.interval == seconds


def _set(*path: str, to: object) -> Callable[[dict[str, Any]], None]:
    def change(settings: dict[str, Any]) -> None:
        for key in path[:-1]:
            settings = settings[key]
        settings[path[-1]] = to

    return change


def _drop(*path: str) -> Callable[[dict[str, Any]], None]:
    def change(settings: dict[str, Any]) -> None:
        for key in path[:-1]:
            settings = settings[key]
        del settings[path[-1]]

    return change


POOL = "connectionPool"
CHANGES = [
    (_set(POOL, "http", "requestTimeout", to="soon"), r"requestTimeout is 'soon'.*such as 3s"),
    (_set(POOL, "http", "requestTimeout", to=3), "requestTimeout is 3"),
    (_set(POOL, "http", "requestTimeout", to="0s"), "requestTimeout is '0s'"),
    (_set(POOL, "http", "retries", "perTryTimeout", to="10s"), r"perTryTimeout \(10s\) must be"),
    (_set(POOL, "http", "retries", "attempts", to=-1), "attempts is -1; a whole number from 0"),
    (_set(POOL, "http", "retries", "attempts", to=True), "attempts is True"),
    (_set(POOL, "http", "retries", "retryOn", to="5xx,sunday"), "condition 'sunday'; known: 5xx"),
    (_set(POOL, "http", "retries", "retryBackOff", "maxInterval", to="1ms"), "maxInterval must"),
    (_set(POOL, "http", "retries", "perTrytimeout", to="1s"), "perTrytimeout is unknown"),
    (_set(POOL, "tcp", "keepAlive", "probes", to=0), "probes is 0"),
    (_set("outlierDetection", "maxEjectionPercent", to=101), "maxEjectionPercent is 101"),
    (_set("outlierDetection", "splitExternalLocalOriginErrors", to="no"), "true or false"),
    (_set("outlierDetection", "maxEjectionTime", to="1s"), "maxEjectionTime must not be below"),
    (_drop("outlierDetection", "enforcingConsecutive5xx"), "enforcingConsecutive5xx is missing"),
    (_set("outlierDetection", to=[]), "outlierDetection must be a mapping"),
    (_set("circuitBreakerSensitivity", to="HIGH"), "must be CUSTOM"),
    (_set("tcpKeepalive", to={}), "tcpKeepalive is unknown"),
]


@pytest.mark.parametrize(("change", "text"), CHANGES)
def test_a_value_that_cannot_be_followed_is_refused_with_its_place(
    document: dict[str, Any], change: Callable[[dict[str, Any]], None], text: str
) -> None:
    change(resilience(document))
    with pytest.raises(ProfileError, match=text) as caught:
        http_profile(document, source="my-profile.yaml")
    assert str(caught.value).startswith("my-profile.yaml: spec.defaults.traffic.outbound.")
    assert "\n" not in str(caught.value)


def test_a_document_of_another_kind_is_no_profile(document: dict[str, Any]) -> None:
    with pytest.raises(ProfileError, match="this is no profile"):
        http_profile({**document, "kind": "Tenant"})


def test_one_profile_serves_every_route(document: dict[str, Any]) -> None:
    settings = document["spec"]["defaults"]["traffic"]["outbound"]["upstreamTrafficSettings"]
    settings[0]["hosts"] = ["bank.example.com"]
    with pytest.raises(ProfileError, match="hosts must be"):
        http_profile(document)
    settings.append(settings[0])
    with pytest.raises(ProfileError, match="a list of one element"):
        http_profile(document)


def test_what_is_no_mapping_is_refused() -> None:
    with pytest.raises(ProfileError, match="the document must be a mapping"):
        http_profile([])  # type: ignore[arg-type]
