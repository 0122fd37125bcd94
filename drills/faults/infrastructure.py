"""Faults of the infrastructure between clusters, and between a cluster and its control plane."""

from __future__ import annotations

import dataclasses

from drills.faults import fields, network, services
from drills.faults.cluster import run_a_pod
from drills.faults.model import Fault, Kind, Layer, Moves, Strike
from drills.stack import EDGE, GATEWAY

LOSS = 0.05
"""Share of packets that one in twenty is."""

_PACKETS = "packets are dropped on the nodes"


def _cut(strike: Strike) -> None:
    if strike.stack.is_local:
        network.apply(strike, "region-cut", network.between(strike, strike.stack.clusters))
    else:
        services.close(strike, GATEWAY.namespace, GATEWAY.name)


def _selector(strike: Strike) -> dict[str, str]:
    """Remembers the selector's owner, where the Service is going to be closed."""
    if strike.stack.is_local:
        return {}
    return fields.remember(strike, services.closed(GATEWAY.namespace, GATEWAY.name))


def _uncut(strike: Strike) -> None:
    here = dataclasses.replace(strike, stack=dataclasses.replace(strike.stack, elsewhere=False))
    if here.stack.is_local:  # however it was cut off
        network.mend(here, "region-cut")
    if services.is_closed(strike, GATEWAY.namespace, GATEWAY.name):
        services.open_again(strike, GATEWAY.namespace, GATEWAY.name)


def _cut_seen(strike: Strike) -> bool:
    if strike.stack.is_local and network.is_there(strike, "region-cut"):
        return True
    return services.is_closed(strike, GATEWAY.namespace, GATEWAY.name)


def _cut_link(strike: Strike) -> None:
    others = [name for name in strike.stack.clusters if name != EDGE]
    network.apply(strike, "link-cut", network.between(strike, others))


def _uncut_link(strike: Strike) -> None:
    network.mend(strike, "link-cut")


def _link_seen(strike: Strike) -> bool:
    return network.is_there(strike, "link-cut")


def _lose(strike: Strike) -> None:
    network.apply(strike, "packet-loss", network.between(strike, strike.stack.clusters, LOSS))


def _lose_no_more(strike: Strike) -> None:
    network.mend(strike, "packet-loss")


def _loss_seen(strike: Strike) -> bool:
    return network.is_there(strike, "packet-loss")


def _cut_control(strike: Strike) -> None:
    network.apply(strike, "edge-control-cut", network.to_api_server(strike))


def _uncut_control(strike: Strike) -> None:
    network.mend(strike, "edge-control-cut")
    run_a_pod(strike)  # connections of before may hang for as long again


def _control_cut_seen(strike: Strike) -> bool:
    return network.is_there(strike, "edge-control-cut")


FAULTS = (
    Fault(
        "region-cut",
        Layer.INFRASTRUCTURE,
        Kind.HANGS,
        "Cuts the cluster off from all others: packets vanish, nobody is told. Where the machine"
        " below is not ours, the Service of its gateway is closed instead.",
        _cut,
        _uncut,
        seen=_cut_seen,
        remember=_selector,
    ),
    Fault(
        "link-cut",
        Layer.INFRASTRUCTURE,
        Kind.CONTROL,
        "Cuts the link between the regions: packets between their gateways vanish.",
        _cut_link,
        _uncut_link,
        moves=Moves.NONE,
        machine=_PACKETS,
        seen=_link_seen,
    ),
    Fault(
        "packet-loss",
        Layer.INFRASTRUCTURE,
        Kind.HANGS,
        "One packet in twenty between the cluster and all others vanishes, each way.",
        _lose,
        _lose_no_more,
        moves=Moves.SOME,
        machine=_PACKETS,
        seen=_loss_seen,
    ),
    Fault(
        "edge-control-cut",
        Layer.INFRASTRUCTURE,
        Kind.CONTROL,
        "Cuts the edge's nodes and pods off from their own API server: packets to it vanish.",
        _cut_control,
        _uncut_control,
        moves=Moves.NONE,
        edge=True,
        machine=_PACKETS,
        seen=_control_cut_seen,
    ),
)
"""All of this layer, in the order of a talk."""
