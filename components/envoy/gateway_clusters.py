"""The Envoy clusters of a regional gateway: own pods first, then the peers' gateways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from components.envoy import health, protocols, upstream
from components.envoy.common import Listen, Paths, cluster_name, health_host
from components.profile.model import HttpProfile
from components.routing.exposed_services import twin_name
from components.routing.routes import Route
from components.routing.targets import Target
from components.routing.transport import Protocol
from foundation.contract import EDGE_CLUSTER


@dataclass(frozen=True)
class GatewayConfig:
    """What a regional gateway's configuration is computed from.

    `peers` is what `gateway_targets` gave for `cluster`; `edge` is the name of the edge's
    cluster. `dns_server` resolves the names of the pods: an address and a UDP port, None for the
    pod's own.
    """

    cluster: str
    region: str
    routes: tuple[Route, ...]
    peers: tuple[Target, ...]
    profile: HttpProfile
    edge: str = EDGE_CLUSTER
    cluster_domain: str = "cluster.local"
    listen: Listen = field(default_factory=Listen)
    paths: Paths = field(default_factory=Paths)
    dns_server: tuple[str, int] | None = None


def app(route: Route, config: GatewayConfig) -> dict[str, Any]:
    """Return the Envoy cluster of one Service as the edge sees it: own pods, then the peers."""
    return upstream.cluster(
        cluster_name("app", route),
        [
            _pods(route, config),
            *upstream.target_endpoints(config.peers, health_host(route)),
        ],
        config.profile,
        health_check=_pod_check(route),
        # One of two pods may go without traffic leaving the region, or all peers there but one.
        overprovisioning=100 * max(2, _most_of_one_priority(config.peers)),
        protocol=protocols.to_pods(route.transport.protocol),
        pods_tls=route.transport.protocol is Protocol.HTTPS,
        targets=config.peers,
        paths=config.paths,
    )


def _most_of_one_priority(peers: Sequence[Target]) -> int:
    return max(Counter(peer.priority for peer in peers).values(), default=0)


def local(route: Route, config: GatewayConfig) -> dict[str, Any]:
    """Return the Envoy cluster of one Service as the peers see it: own pods only."""
    return upstream.cluster(
        cluster_name("local", route),
        [_pods(route, config)],
        config.profile,
        health_check=_pod_check(route),
        overprovisioning=200,
        protocol=protocols.to_pods(route.transport.protocol),
        pods_tls=route.transport.protocol is Protocol.HTTPS,
    )


def _pods(route: Route, config: GatewayConfig) -> dict[str, Any]:
    name = f"{twin_name(route.service)}.{route.namespace}.svc.{config.cluster_domain}"
    return upstream.pod_endpoints(name, route.target_port, config.cluster, config.region)


def _pod_check(route: Route) -> dict[str, Any]:
    """Return the check of a pod, by the path of its own readiness probe if it has one.

    DNS holds ready pods only, but learns of a dead or frozen one when the kubelet does, seconds
    later; and a connection alone would not show a frozen one, whose kernel still accepts.
    """
    return health.http_check(route.host, route, reuse_connection=True)
