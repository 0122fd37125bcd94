"""The Envoy clusters of a regional gateway: own pods first, then the peers' gateways."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from components.envoy import health, protocols, upstream
from components.envoy.common import Listen, Paths, cluster_name, health_host
from components.profile.model import HttpProfile
from components.routing.exposed_services import twin_name
from components.routing.routes import Route
from components.routing.targets import Target
from components.routing.transport import Protocol
from foundation.contract import CLUSTER_DOMAIN

#: Seconds that an idle connection to a peer's gateway is kept: longer than between two checks,
#: which would need a handshake each; short, for these connections are not pinged.
_IDLE_TO_PEERS = 1.5 * health.RARE_SECONDS


@dataclass(frozen=True)
class GatewayConfig:
    """What a regional gateway's configuration is computed from.

    `peers` is what `gateway_targets` gave for `cluster`, `passing_on` what `passing_on_to` gave:
    the clusters whose gateways have this one as a peer. `dns_server` resolves the names of the
    pods: an address and a UDP port, None for the pod's own.
    """

    cluster: str
    region: str
    routes: tuple[Route, ...]
    peers: tuple[Target, ...]
    passing_on: tuple[str, ...]
    profile: HttpProfile
    cluster_domain: str = CLUSTER_DOMAIN
    listen: Listen = field(default_factory=Listen)
    paths: Paths = field(default_factory=Paths)
    dns_server: tuple[str, int] | None = None


def clusters(route: Route, config: GatewayConfig) -> list[dict[str, Any]]:
    """Return the Envoy clusters of one Service: own pods, peers, and the one after the other."""
    own = _local(route, config)
    if not config.peers:
        return [own]
    peers = _peers(route, config)
    return [own, peers, upstream.failing_over(cluster_name("app", route), [own, peers])]


def for_edge(route: Route, config: GatewayConfig) -> str:
    """Return the name of the Envoy cluster of one Service as the edge sees it."""
    return cluster_name("app" if config.peers else "local", route)


def for_peers(route: Route) -> str:
    """Return the name of the Envoy cluster of one Service as the peers see it: own pods only."""
    return cluster_name("local", route)


def _local(route: Route, config: GatewayConfig) -> dict[str, Any]:
    """Return the Envoy cluster of own pods, each checked by the path of its own readiness probe.

    DNS holds ready pods only, but learns of a dead or frozen one when the kubelet does, seconds
    later; and a connection alone would not show a frozen one, whose kernel still accepts.
    """
    return upstream.cluster(
        for_peers(route),
        [_pods(route, config)],
        config.profile,
        health_check=health.http_check(route.host, route),
        # One of two pods may go without traffic leaving the region.
        overprovisioning=200,
        protocol=protocols.to_pods(route.transport.protocol),
        pods_tls=route.transport.protocol is Protocol.HTTPS,
    )


def _peers(route: Route, config: GatewayConfig) -> dict[str, Any]:
    """Return the Envoy cluster of the peers' gateways: those of the own region first.

    They are the last resort, so a check now and then does: the edge checks each gateway itself.
    With checks as frequent as those of pods a gateway at rest did little else.
    """
    most_of_one_priority = max(Counter(peer.priority for peer in config.peers).values())
    return upstream.cluster(
        cluster_name("peers", route),
        upstream.target_endpoints(config.peers),
        config.profile,
        health_check=health.http_check(
            health_host(route),
            route,
            through_gateway=True,
            is_renewed=True,
            while_healthy=health.RARE_SECONDS,
        ),
        # All peers of a region may go but one.
        overprovisioning=100 * max(2, most_of_one_priority),
        protocol=protocols.to_pods(route.transport.protocol, _IDLE_TO_PEERS),
        targets=config.peers,
        paths=config.paths,
    )


def _pods(route: Route, config: GatewayConfig) -> dict[str, Any]:
    name = f"{twin_name(route.service)}.{route.namespace}.svc.{config.cluster_domain}"
    return upstream.pod_endpoints(name, route.target_port, config.cluster, config.region)
