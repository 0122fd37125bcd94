"""The environment of what runs in a lab."""

from __future__ import annotations

import pytest

from localkube import lab
from localkube.inside.egress_routes import route_for

PROXY = {"https_proxy": "http://proxy.example:3128"}


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_where_no_proxy_is_wanted_the_egress_asks_none(name: str) -> None:
    env = lab.environment({**PROXY, name: " * "})
    assert route_for("registry.example", 443, env) is None


@pytest.mark.parametrize("exempt", ["", "corp.example"])
def test_the_nodes_reach_each_other_without_a_proxy(exempt: str) -> None:
    env = lab.environment({**PROXY, "NO_PROXY": exempt})
    assert route_for("10.89.0.17", 6443, env) is None
    assert (route_for("x.corp.example", 443, env) is None) == bool(exempt)
    assert route_for("registry.example", 443, env)
