"""Faults of the infrastructure between clusters, and between a cluster and its control plane."""

from __future__ import annotations

from drills.faults import network, services
from drills.faults.cluster import run_a_pod
from drills.faults.model import Fault, Kind, Layer, Moves, Strike, either
from drills.faults.network import Drops
from drills.stack import EDGE, GATEWAY_WORKLOAD

LOSS = 0.05
"""Share of packets that vanish: one in twenty."""


def _all(strike: Strike) -> Drops:
    return network.between(strike, strike.stack.clusters)


def _regions(strike: Strike) -> Drops:
    return network.between(strike, [name for name in strike.stack.clusters if name != EDGE])


def _some(strike: Strike) -> Drops:
    return network.between(strike, strike.stack.clusters, LOSS)


FAULTS = (
    Fault(
        "region-cut",
        Layer.INFRASTRUCTURE,
        Kind.HANGS,
        "Cuts the cluster off from all others: packets vanish, nobody is told. Where the machine"
        " below is not ours, the Service of its gateway is closed instead.",
        either(
            local=network.dropped("region-cut", _all),
            elsewhere=services.without_pods(GATEWAY_WORKLOAD.namespace, GATEWAY_WORKLOAD.name),
        ),
    ),
    Fault(
        "link-cut",
        Layer.INFRASTRUCTURE,
        Kind.CONTROL,
        "Cuts the link between the regions: packets between their gateways vanish.",
        network.dropped("link-cut", _regions),
        moves=Moves.NONE,
    ),
    Fault(
        "packet-loss",
        Layer.INFRASTRUCTURE,
        Kind.HANGS,
        "One packet in twenty between the cluster and all others vanishes, each way.",
        network.dropped("packet-loss", _some),
        moves=Moves.SOME,
    ),
    Fault(
        "edge-control-cut",
        Layer.INFRASTRUCTURE,
        Kind.CONTROL,
        "Cuts the edge's nodes and pods off from their own API server: packets to it vanish.",
        # connections of before may hang for as long again: a pod must run to its end
        network.dropped("edge-control-cut", network.to_api_server, wait=run_a_pod),
        moves=Moves.NONE,
        edge=True,
    ),
)
"""All of this layer, in the order of a talk."""
