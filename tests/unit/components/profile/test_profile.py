"""What http-profile.yaml may say."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from components.profile.defaults import DEFAULTS
from components.profile.model import UNLIMITED, Limits, OutlierDetection, ProfileError, http_profile
from foundation.project import ROOT
from tests.support.profiles import EARLIER

SHIPPED = ROOT / "manifests" / "http-profile.yaml"


@pytest.fixture
def document() -> dict[str, Any]:
    return copy.deepcopy(yaml.safe_load(SHIPPED.read_text()))


def resilience(document: dict[str, Any]) -> dict[str, Any]:
    outbound = document["spec"]["defaults"]["traffic"]["outbound"]
    return outbound["upstreamTrafficSettings"][0]["settings"]["resilience"]


def test_by_the_shipped_profile_failback_takes_no_longer_after_the_second_failure() -> None:
    rules = http_profile(yaml.safe_load(SHIPPED.read_text())).outlier_detection
    assert rules.max_ejection_time == rules.base_ejection_time <= 5


def test_the_shipped_profile_lets_a_page_take_its_time() -> None:
    profile = http_profile(yaml.safe_load(SHIPPED.read_text()))
    assert (profile.request_timeout, profile.idle_timeout) == (60, 300)
    assert profile.retries.per_try_timeout == 2
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
    (_set(POOL, "http", "requestTimeout", to=None), "requestTimeout is None"),
    (_set(POOL, "http", "retries", "attempts", to=-1), "attempts is -1; a whole number from 0"),
    (_set(POOL, "http", "retries", "attempts", to=True), "attempts is True"),
    (_set(POOL, "http", "retries", "retryOn", to="5xx,sunday"), "condition 'sunday'; known: 5xx"),
    (_set(POOL, "http", "retries", "retryBackOff", "maxInterval", to="1ms"), "maxInterval must"),
    (_set(POOL, "http", "retries", "perTrytimeout", to="1s"), "perTrytimeout is unknown"),
    (_set(POOL, "tcp", "keepAlive", "probes", to=0), "probes is 0"),
    (_set("outlierDetection", "maxEjectionPercent", to=101), "maxEjectionPercent is 101"),
    (_set("outlierDetection", "splitExternalLocalOriginErrors", to="no"), "true or false"),
    (_set("outlierDetection", "maxEjectionTime", to="1s"), "maxEjectionTime must not be below"),
    (_set("outlierDetection", "baseEjectionTime", to="31s"), "maxEjectionTime must not be below"),
    (_set(POOL, "tcp", "maxConnections", to=UNLIMITED + 1), "maxConnections is 4294967296"),
    (_set(POOL, "http", "retries", "retryOn", to="5xx,600"), "condition '600'"),
    (_drop(POOL, "http", "retries", "attempts"), "attempts is missing; write it, for Tetrate"),
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


def test_what_is_left_out_has_the_value_that_tetrate_documents(document: dict[str, Any]) -> None:
    settings = resilience(document)
    settings.clear()
    settings["circuitBreakerSensitivity"] = "CUSTOM"
    profile = http_profile(document)
    assert profile.request_timeout == 0
    assert profile.limits == Limits(10, UNLIMITED, UNLIMITED, 9, 7200, 75)
    assert profile.outlier_detection == OutlierDetection(5, 0, 5, 100, 10, 30, 300, 100, False)
    retries = profile.retries
    assert (retries.attempts, retries.per_try_timeout) == (2, 0)
    assert {"reset", "connect-failure", "503"} <= set(retries.retry_on)
    assert (retries.base_interval, retries.max_interval) == (0.025, 0.25)
    assert set(profile.left_out) == DEFAULTS.keys() - {"circuitBreakerSensitivity"}


def test_nothing_is_left_out_of_the_shipped_profile(document: dict[str, Any]) -> None:
    assert http_profile(document).left_out == ()


def test_without_the_mode_custom_there_is_no_ejection(document: dict[str, Any]) -> None:
    del resilience(document)["circuitBreakerSensitivity"]
    resilience(document)["outlierDetection"]["splitExternalLocalOriginErrors"] = True
    rules = http_profile(document).outlier_detection
    assert rules.enforcing_consecutive_gateway_failure == rules.enforcing_consecutive_5xx == 0
    assert rules.split_external_local_origin_errors is False


@pytest.mark.parametrize(
    ("base", "longest"), [("200s", 300), ("400s", 400)], ids=["shorter", "longer"]
)
def test_the_longest_ejection_is_300_seconds_unless_the_first_is_longer(
    document: dict[str, Any], base: str, longest: float
) -> None:
    rules = resilience(document)["outlierDetection"]
    del rules["maxEjectionTime"]
    rules["baseEjectionTime"] = base
    assert http_profile(document).outlier_detection.max_ejection_time == longest


def test_the_longest_back_off_is_ten_times_the_first(document: dict[str, Any]) -> None:
    resilience(document)[POOL]["http"]["retries"]["retryBackOff"] = {"baseInterval": "2s"}
    assert http_profile(document).retries.max_interval == 20


def test_zero_connections_are_as_many_as_there_are(document: dict[str, Any]) -> None:
    resilience(document)[POOL]["tcp"]["maxConnections"] = 0
    assert http_profile(document).limits.max_connections == UNLIMITED


def test_a_try_may_be_given_more_time_than_its_request(document: dict[str, Any]) -> None:
    _set(POOL, "http", "retries", "perTryTimeout", to="11s")(resilience(document))
    assert http_profile(document).retries.per_try_timeout == 11


def test_the_earlier_demos_settings_are_read_as_they_stand() -> None:
    profile = http_profile(yaml.safe_load(EARLIER.read_text()))
    retries, rules = profile.retries, profile.outlier_detection
    assert (profile.request_timeout, retries.per_try_timeout, retries.attempts) == (3, 10, 3)
    assert retries.retry_on == ("5xx", "gateway-error", "connect-failure")
    assert (rules.consecutive_gateway_failure, rules.consecutive_5xx, rules.interval) == (1, 1, 1)
    assert rules.enforcing_consecutive_gateway_failure == 100
    assert rules.enforcing_consecutive_5xx == 0
    assert (rules.base_ejection_time, rules.max_ejection_time) == (30, 300)


def test_the_place_of_the_settings_cannot_be_left_out(document: dict[str, Any]) -> None:
    del document["spec"]["defaults"]["traffic"]
    with pytest.raises(ProfileError, match=r"spec\.defaults\.traffic is missing; write it"):
        http_profile(document)
