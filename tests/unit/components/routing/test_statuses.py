"""Which statuses say that an application answers: to the last step of an update, and to Envoy."""

from __future__ import annotations

import pytest

from components.envoy.health import http_check
from components.routing.routes import Route
from components.routing.statuses import is_alive

ROUTE = Route("shop", "retail", 80, 8080, ("shop.example.com",), "/", "HTTP", None, "/")


@pytest.mark.parametrize(
    ("status", "alive"), [(200, True), (404, True), (500, False), (501, True), (503, False)]
)
def test_a_server_that_does_not_know_get_is_there(status: int, alive: bool) -> None:
    assert is_alive(status) is alive


def test_the_checks_of_envoy_go_by_the_same_statuses() -> None:
    check = http_check("shop.example.com", ROUTE)["http_health_check"]
    ranges = [range(each["start"], each["end"]) for each in check["expected_statuses"]]
    for status in range(100, 600):
        assert any(status in statuses for statuses in ranges) is is_alive(status)
