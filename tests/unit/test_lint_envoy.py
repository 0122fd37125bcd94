"""The reasons that the lint gives, seen with real Envoys, a gateway of which is frozen."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from components.profile import HttpProfile
from components.routing import LbMode, edge_targets, edge_weights
from tests.unit.envoy_lab import CLUSTERS, WEST, Lab, lab, read_profile
from tests.unit.envoy_process import Answer, ask, eventually

EARLIER = Path(__file__).parent / "profiles" / "earlier-demo.yaml"


def mended(per_try: float = 0, connect: float = 0) -> HttpProfile:
    """Gives the earlier demo's settings with one of its time-outs mended, or both."""
    earlier = read_profile(EARLIER)
    return replace(
        earlier,
        retries=replace(earlier.retries, per_try_timeout=per_try) if per_try else earlier.retries,
        limits=replace(earlier.limits, connect_timeout=connect) if connect else earlier.limits,
    )


EDGES = {
    "as-it-was": mended(),
    "per-try-mended": mended(per_try=0.25),
    "connect-mended": mended(connect=0.25),
    "both-mended": mended(per_try=0.25, connect=0.25),
}


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


def test_a_hanging_gateway_holds_a_request_unless_both_time_outs_are_mended(world: Lab) -> None:
    # One edge has a connection to the gateway by then, the others need a new one.
    assert get(world, "connect-mended").cluster == "west-cluster"
    gateway = world.envoys["gateway-west-cluster"]
    gateway.signal(signal.SIGSTOP)
    try:
        with ThreadPoolExecutor() as pool:
            answers = dict(zip(EDGES, pool.map(lambda edge: get(world, edge), EDGES), strict=True))
    finally:
        gateway.signal(signal.SIGCONT)
    assert {edge: answer.status for edge, answer in answers.items()} == {
        "as-it-was": 504,
        "per-try-mended": 504,
        "connect-mended": 504,
        "both-mended": 200,
    }
    assert answers["both-mended"].cluster == "east-cluster"
