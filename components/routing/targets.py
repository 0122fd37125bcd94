"""How much of the edge's traffic each application cluster gets, and who takes over from whom.

Pure functions: `lbMode` and the list of application clusters give every cluster an *edge weight*;
weights and regions give every address a *priority* (0 is used first) and a *weight* (its share
among the addresses of one priority). The renderer of the Envoy configuration and the annotations
on the Services are both computed from what is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice, zip_longest

from components.routing.regions import region_order
from foundation.contract import INGRESS_PORT, PEER_PORT
from foundation.errors import UserError

PEERS = 4
"""So many other gateways at most does a gateway pass on to.

It checks the health of each, and each of them answers. Were all gateways each other's peers, that
would grow with the square of the clusters.
"""


class RoutingError(UserError):
    """Clusters, weights or addresses that cannot be routed to; the text is for people."""


class LbMode(StrEnum):
    """How the edge shares its traffic among the application clusters (config key `lbMode`)."""

    ACTIVE = "active"
    STANDBY = "standby"
    LOCALITY = "locality"


@dataclass(frozen=True)
class ApplicationCluster:
    """A cluster that runs the application: its name, its region, its share when it is active."""

    name: str
    region: str
    weight: int = 100


@dataclass(frozen=True)
class Target:
    """An address that requests may be sent to.

    `priority` 0 is used first, the next one only when no address before it is healthy; `weight`
    (at least 1) is the share among the healthy addresses of one priority.
    """

    cluster: str
    address: str
    port: int
    priority: int
    weight: int
    region: str


def edge_weights(
    mode: LbMode, clusters: Sequence[ApplicationCluster], active_cluster: str
) -> dict[str, int | None]:
    """Return the edge weight of each cluster, in the order of `clusters`.

    active: each cluster's own weight. standby: `active_cluster` keeps its weight, the others get
    0. locality: None for all. A weight above 0 is a share, 0 a healthy standby, None means
    nearest first.

    Raises RoutingError when a weight is below 0, when nothing would have a weight above 0, when
    two clusters have one name, and when `active_cluster` is none of the clusters.
    """
    names = [cluster.name for cluster in clusters]
    if not clusters:
        raise RoutingError("there is no application cluster; name at least one")
    for name in names:
        if names.count(name) > 1:
            raise RoutingError(f"two application clusters are called '{name}'; rename one of them")
    for cluster in clusters:
        if cluster.weight < 0:
            raise RoutingError(
                f"cluster '{cluster.name}' has the weight {cluster.weight}; "
                "a weight is 0 (standby) or more"
            )
    if mode is LbMode.LOCALITY:
        return dict.fromkeys(names)
    if mode is LbMode.STANDBY:
        if active_cluster not in names:
            raise RoutingError(
                f"the active cluster '{active_cluster}' is none of the application clusters "
                f"({', '.join(names)}); name one of them"
            )
        weights = {c.name: c.weight if c.name == active_cluster else 0 for c in clusters}
    else:
        weights = {c.name: c.weight for c in clusters}
    if not any(weights.values()):
        raise RoutingError(
            f"in mode '{mode}' every cluster would have the weight 0 and nobody would answer; "
            f"give {active_cluster if mode is LbMode.STANDBY else 'one of them'} a weight above 0"
        )
    return dict(weights)


def shown_weight(weight: int | None) -> int | str:
    """Return an edge weight as previews and the state say it."""
    return "locality" if weight is None else weight


def edge_targets(
    weights: Mapping[str, int | None],
    clusters: Sequence[ApplicationCluster],
    addresses: Mapping[str, str],
    edge_region: str,
    port: int = INGRESS_PORT,
) -> list[Target]:
    """Return the gateways that the edge sends to, in the order of `clusters`.

    `weights` is what `edge_weights` gave, `addresses` has the IP address or DNS name of each
    cluster's gateway Service. Weight above 0: priority 0 and that share. Weight 0: priority 1.
    None: the priority follows from the distance of the cluster's region to `edge_region`;
    clusters of one region share a priority.

    Raises RoutingError when a cluster has no address, no weight is above 0, or only some clusters
    have no weight.
    """
    _check_addresses((cluster.name for cluster in clusters), addresses)
    values = [weights[cluster.name] for cluster in clusters]
    without = [cluster.name for cluster in clusters if weights[cluster.name] is None]
    if without and len(without) < len(values):
        raise RoutingError(
            f"only some clusters have an edge weight, {', '.join(without)} none; "
            "give all of them one, or none of them"
        )
    if not without and not any(values):
        raise RoutingError("every cluster has the edge weight 0; give one of them more than 0")
    order = region_order(edge_region, (cluster.region for cluster in clusters))
    targets = []
    for cluster, weight in zip(clusters, values, strict=True):
        priority = order.index(cluster.region) if weight is None else int(weight == 0)
        share = weight or 1
        address = addresses[cluster.name]
        targets.append(Target(cluster.name, address, port, priority, share, cluster.region))
    return targets


def edge_priorities(
    weights: Mapping[str, int | None], clusters: Sequence[ApplicationCluster], edge_region: str
) -> list[list[str]]:
    """Return groups of clusters: the first shares all traffic while nothing fails, and so on.

    Raises RoutingError as `edge_targets` does.
    """
    addresses = {cluster.name: cluster.name for cluster in clusters}  # wherever they may be
    targets = edge_targets(weights, clusters, addresses, edge_region)
    priorities = sorted({target.priority for target in targets})
    return [[t.cluster for t in targets if t.priority == priority] for priority in priorities]


def gateway_targets(
    cluster: str,
    clusters: Sequence[ApplicationCluster],
    addresses: Mapping[str, str],
    port: int = PEER_PORT,
) -> list[Target]:
    """Return the peers that the gateway of `cluster` sends to when it has no pods of its own.

    Its own pods come before and are not in the list. Clusters of its region are priority 0, then
    come the other regions from near to far, without gaps. Clusters of one region share a priority.
    Of more than PEERS it has the next one of each region in turn, from near to far: counted on
    from itself, so that each gateway is a peer of about as many others.

    Raises RoutingError when `cluster` is unknown or another cluster has no address.
    """
    others = [c for c in clusters if c.name != cluster]
    kept = _peers(cluster, clusters)
    _check_addresses((other.name for other in others), addresses)
    own = clusters[_position(cluster, clusters)]
    order = region_order(own.region, (peer.region for peer in kept))
    return [
        Target(p.name, addresses[p.name], port, order.index(p.region), 1, p.region)
        for p in others
        if p in kept
    ]


def passing_on_to(cluster: str, clusters: Sequence[ApplicationCluster]) -> list[str]:
    """Return the clusters that have `cluster` as a peer: who its gateway takes requests from.

    Of more than PEERS and one they are others than its own peers. Raises RoutingError when
    `cluster` is unknown.
    """
    _position(cluster, clusters)
    return [
        other.name
        for other in clusters
        if cluster in (peer.name for peer in _peers(other.name, clusters))
    ]


def _peers(cluster: str, clusters: Sequence[ApplicationCluster]) -> list[ApplicationCluster]:
    """Return the peers of `cluster`, the first to be asked first."""
    own = _position(cluster, clusters)
    following = [*clusters[own + 1 :], *clusters[:own]]
    others = (other.region for other in clusters if other.name != cluster)
    order = region_order(clusters[own].region, others)
    of_region = [[peer for peer in following if peer.region == region] for region in order]
    in_turn = (peer for rank in zip_longest(*of_region) for peer in rank if peer is not None)
    return list(islice(in_turn, PEERS))


def _position(cluster: str, clusters: Sequence[ApplicationCluster]) -> int:
    position = next((n for n, c in enumerate(clusters) if c.name == cluster), None)
    if position is None:
        raise RoutingError(f"'{cluster}' is none of the application clusters")
    return position


def _check_addresses(names: Iterable[str], addresses: Mapping[str, str]) -> None:
    missing = [name for name in names if not addresses.get(name)]
    if missing:
        raise RoutingError(f"no gateway address is known for {', '.join(missing)}")
