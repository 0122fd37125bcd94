"""Why the lint has less to say of our own Envoys: seen with a gateway that is frozen."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.routing.targets import LbMode, edge_targets, edge_weights
from tests.support.envoy_lab import CLUSTERS, WEST, Lab, forgiving_profile, lab, read_profile
from tests.support.envoy_process import Answer, ask
from tests.support.profiles import EARLIER
from tests.support.waiting import eventually

EDGES = {"earlier": read_profile(EARLIER), "shipped": forgiving_profile()}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path) as made:
        for cluster in CLUSTERS:
            made.add_pod(cluster, 1)
            made.add_gateway(cluster)
        made.start()
        weights = edge_weights(LbMode.STANDBY, CLUSTERS, WEST.name)
        for name, made.profile in EDGES.items():
            made.add_edge(name, edge_targets(weights, CLUSTERS, made.gateways, "us-east1"))
        made.start(*EDGES)
        for name in EDGES:
            eventually(lambda name=name: not any(made.hosts(name).values()), "all are healthy")
        yield made


def get(world: Lab, edge: str) -> Answer:
    return ask(world.envoys[edge].address, 8443, tls=world.client_context())


def test_a_hanging_gateway_holds_nobody_whatever_the_times_of_the_profile(world: Lab) -> None:
    # It would with the earlier demo's times: connectTimeout and perTryTimeout are 10 s there. But
    # pings begin with a connection's first packet, before the TLS handshake has come to its end.
    # The other edge has no connection yet. A busy machine may send a first request elsewhere.
    eventually(lambda: get(world, "shipped").cluster == "west-cluster", "west answers")
    gateway = world.envoys["gateway-west-cluster"]
    gateway.signal(signal.SIGSTOP)
    try:
        with ThreadPoolExecutor() as pool:
            answers = list(pool.map(lambda edge: get(world, edge), EDGES))
    finally:
        gateway.signal(signal.SIGCONT)
    assert [(each.status, each.cluster) for each in answers] == 2 * [(200, "east-cluster")]
