"""How many Services fit into the edge's ConfigMap."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from components.envoy import capacity
from components.envoy.edge_clusters import EdgeConfig
from components.envoy.edge_config import edge_files
from components.routing.failback import Failback
from components.routing.targets import LbMode, edge_targets, edge_weights
from foundation.errors import UserError
from tests.support.envoy_lab import CLUSTERS, portal_route, shipped_profile

ADDRESSES = {cluster.name: "255.255.255.255" for cluster in CLUSTERS}
WEIGHTS = edge_weights(LbMode.ACTIVE, CLUSTERS, CLUSTERS[0].name)


def edge(count: int, failback: Failback) -> EdgeConfig:
    routes = [
        replace(portal_route(), service=f"shop-{n}", hosts=(f"shop-{n}.example.com",))
        for n in range(count)
    ]
    targets = edge_targets(WEIGHTS, CLUSTERS, ADDRESSES, "us-east1")
    return EdgeConfig(tuple(routes), tuple(targets), shipped_profile(), failback=failback)


@pytest.mark.parametrize("failback", Failback)
def test_as_many_as_are_said_to_fit_do_and_more_are_refused(failback: Failback) -> None:
    with pytest.raises(UserError) as refused:
        capacity.check(edge(60, failback))
    (fit,) = re.findall(r"expose about (\d+)", str(refused.value))
    capacity.check(edge(int(fit), failback))
    assert int(fit) >= 12
    too_many = edge(int(fit) + 2, failback)
    assert sum(map(len, edge_files(too_many).values())) > capacity.MOST_BYTES
    with pytest.raises(UserError, match="that a ConfigMap may have"):
        capacity.check(too_many)


def test_one_service_of_too_many_hosts_is_refused() -> None:
    many = replace(portal_route(), hosts=tuple(f"shop-{n}.example.com" for n in range(300)))
    config = replace(edge(1, Failback.AT_ONCE), routes=(many,))
    with pytest.raises(UserError, match="1 Services are exposed"):
        capacity.check(config)
    with pytest.raises(UserError, match="2 Services are exposed"):
        capacity.check(replace(config, routes=(portal_route(), many)))
