"""Faults of the infrastructure between clusters, and between a cluster and its control plane."""

from __future__ import annotations

import dataclasses

from drills.faults import fields, network, services
from drills.faults.cluster import run_a_pod
from drills.faults.model import Fault, Kind, Layer, Moves, Place
from drills.site import EDGE, GATEWAY

LOSS = 0.05
"""Share of packets that one in twenty is."""

_PACKETS = "packets are dropped on the nodes"


def _cut(place: Place) -> None:
    if place.site.is_local:
        network.apply(place, "region-cut", network.between(place, place.site.clusters))
    else:
        services.close(place, GATEWAY.namespace, GATEWAY.name)


def _selector(place: Place) -> dict[str, str]:
    """Remembers the selector's owner, where the Service is going to be closed."""
    if place.site.is_local:
        return {}
    return fields.remember(place, services.closed(GATEWAY.namespace, GATEWAY.name))


def _uncut(place: Place) -> None:
    here = dataclasses.replace(place, site=dataclasses.replace(place.site, elsewhere=False))
    if here.site.is_local:  # however it was cut off
        network.mend(here, "region-cut")
    if services.is_closed(place, GATEWAY.namespace, GATEWAY.name):
        services.open_again(place, GATEWAY.namespace, GATEWAY.name)


def _cut_seen(place: Place) -> bool:
    if place.site.is_local and network.is_there(place, "region-cut"):
        return True
    return services.is_closed(place, GATEWAY.namespace, GATEWAY.name)


def _cut_link(place: Place) -> None:
    others = [name for name in place.site.clusters if name != EDGE]
    network.apply(place, "link-cut", network.between(place, others))


def _uncut_link(place: Place) -> None:
    network.mend(place, "link-cut")


def _link_seen(place: Place) -> bool:
    return network.is_there(place, "link-cut")


def _lose(place: Place) -> None:
    network.apply(place, "packet-loss", network.between(place, place.site.clusters, LOSS))


def _lose_no_more(place: Place) -> None:
    network.mend(place, "packet-loss")


def _loss_seen(place: Place) -> bool:
    return network.is_there(place, "packet-loss")


def _cut_control(place: Place) -> None:
    network.apply(place, "edge-control-cut", network.to_api_server(place))


def _uncut_control(place: Place) -> None:
    network.mend(place, "edge-control-cut")
    run_a_pod(place)  # connections of before may hang for as long again


def _control_cut_seen(place: Place) -> bool:
    return network.is_there(place, "edge-control-cut")


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
