"""The Envoy configuration of a regional gateway: own pods first, then the peers' gateways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from components.envoy import forwarding, health, http, naive, protocols, server, tls, upstream
from components.envoy.common import (
    HEALTH_DOMAIN,
    Listen,
    Paths,
    cluster_name,
    edge_san,
    gateway_san,
    health_host,
    render,
)
from components.exposed_services import twin_name
from components.profile import HttpProfile
from components.routes import Route
from components.routing import Target
from components.transport import Protocol

#: Each tier gives up before the one in front of it does, so that the answer still gets through.
_INGRESS_SHARE = 0.9
_PEER_SHARE = 0.8
#: Retries multiply from tier to tier. So the edge alone repeats what may have been executed; a
#: gateway tries once more what surely was not, or hedges once where the Service asks for it.
_ATTEMPTS = 1


@dataclass(frozen=True)
class GatewayConfig:
    """What a regional gateway's configuration is computed from.

    `peers` is what `gateway_targets` gave for `cluster`; `edge` is the name of the edge's
    cluster. `memory_mib` is the limit of the container. `dns_server` resolves the names of the
    pods: an address and a UDP port, None for the pod's own. `naive_route` says whether the edge has
    a naive route, whose requests go to the own pods in turn.
    """

    cluster: str
    region: str
    routes: tuple[Route, ...]
    peers: tuple[Target, ...]
    profile: HttpProfile
    edge: str = "corp-edge"
    cluster_domain: str = "cluster.local"
    memory_mib: int = 256
    listen: Listen = field(default_factory=Listen)
    paths: Paths = field(default_factory=Paths)
    dns_server: tuple[str, int] | None = None
    naive_route: bool = False


def gateway_bootstrap(config: GatewayConfig) -> dict[str, Any]:
    """Gives the gateway's whole static bootstrap."""
    listeners = [_ingress_listener(config)]
    clusters = [_app(route, config) for route in config.routes]
    if config.peers:
        listeners.append(_peer_listener(config))
        clusters += [_local(route, config) for route in config.routes]
    clusters += [
        naive.cluster(cluster_name("naive", route), _local(route, config))
        for route in config.routes
        if _is_naive(route, config)
    ]
    return server.bootstrap(
        listeners,
        clusters,
        listen=config.listen,
        memory_mib=config.memory_mib,
        dns_server=config.dns_server,
    )


def gateway_files(config: GatewayConfig) -> dict[str, str]:
    """Gives the data of the gateway's ConfigMap."""
    return {"envoy.yaml": render(gateway_bootstrap(config))}


def _app(route: Route, config: GatewayConfig) -> dict[str, Any]:
    """Gives the Envoy cluster of one Service as the edge sees it: own pods, then the peers."""
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


def _local(route: Route, config: GatewayConfig) -> dict[str, Any]:
    """Gives the Envoy cluster of one Service as the peers see it: own pods only."""
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
    """Gives the check of a pod, by the path of its own readiness probe if it has one.

    DNS holds ready pods only, but learns of a dead or frozen one when the kubelet does, seconds
    later; and a connection alone would not show a frozen one, whose kernel still accepts.
    """
    return health.http_check(route.host, route, reuse_connection=True)


def _ingress_listener(config: GatewayConfig) -> dict[str, Any]:
    """Gives the listener for the edge.

    Its health checks go through the routing: with no pods here but some in another region the
    answer is 200 and `x-envoy-degraded`, so the edge prefers the others and keeps this gateway as
    a last resort.
    """
    through = server.health_filter(
        [{"name": ":authority", "string_match": {"suffix": f".{HEALTH_DOMAIN}"}}],
        pass_through=True,
    )
    return _mesh_listener(
        "ingress",
        config.listen.ingress,
        config,
        role="app",
        share=_INGRESS_SHARE,
        clients=[edge_san(config.edge)],
        filters=[through],
        health_hosts=_health_hosts(config),
    )


def _peer_listener(config: GatewayConfig) -> dict[str, Any]:
    """Gives the listener for other gateways: to the own pods only, so nothing goes in circles."""
    local = [
        server.health_filter(
            [{"name": ":authority", "string_match": {"exact": health_host(route)}}],
            pass_through=False,
            min_healthy={cluster_name("local", route): 1},
        )
        for route in config.routes
    ]
    return _mesh_listener(
        "peer",
        config.listen.peer,
        config,
        role="local",
        share=_PEER_SHARE,
        clients=[gateway_san(peer.cluster) for peer in config.peers],
        filters=local,
        health_hosts=[],
        degraded=True,
    )


def _mesh_listener(
    name: str,
    port: int,
    config: GatewayConfig,
    *,
    role: str,
    share: float,
    clients: list[str],
    filters: list[dict[str, Any]],
    health_hosts: list[dict[str, Any]],
    degraded: bool = False,
) -> dict[str, Any]:
    headers = http.served_by(config.cluster, "%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")
    if degraded:
        headers.append(
            {
                "header": {"key": http.DEGRADED_HEADER, "value": "true"},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        )
    route_config = {
        "name": name,
        "ignore_port_in_host_matching": True,
        "response_headers_to_add": headers,
        "virtual_hosts": [
            *_service_hosts(config, role, share),
            *health_hosts,
            forwarding.virtual_host("unknown", ["*"], [forwarding.not_found()]),
        ],
    }
    options = http.Options(config.cluster, http.stream_idle(config.profile), tuple(filters))
    manager = http.connection_manager(name, route_config, options)
    return server.listener(
        name,
        config.listen.address,
        port,
        [
            {
                "transport_socket": tls.mesh_server(clients, config.paths),
                "transport_socket_connect_timeout": "10s",
                "filters": [manager],
            }
        ],
    )


def _service_hosts(config: GatewayConfig, role: str, share: float) -> list[dict[str, Any]]:
    """Gives a virtual host per external name."""
    hosts = []
    for host in dict.fromkeys(host for route in config.routes for host in route.hosts):
        served = [route for route in config.routes if host in route.hosts]
        served.sort(key=lambda route: len(route.path), reverse=True)
        entries = [e for route in served for e in _forward(route, config, role, share)]
        hosts.append(forwarding.virtual_host(host, [host], [*entries, forwarding.not_found()]))
    return hosts


def _health_hosts(config: GatewayConfig) -> list[dict[str, Any]]:
    """Gives a virtual host per Service for the edge's checks of its health."""
    return [
        forwarding.virtual_host(
            health_host(route),
            [health_host(route)],
            [
                forwarding.health_route(
                    cluster_name("app", route), route.host, health.check_headers(route)
                )
            ],
        )
        for route in config.routes
    ]


def _forward(route: Route, config: GatewayConfig, role: str, share: float) -> list[dict[str, Any]]:
    profile = config.profile
    timeout = profile.request_timeout * share
    tries = forwarding.Tries(
        forwarding.NOT_EXECUTED,
        min(_ATTEMPTS, profile.retries.attempts),
        timeout,
        route.transport.hedge_after,
    )
    entries = forwarding.forwarding_routes(route, cluster_name(role, route), profile, tries)
    if role == "app" and _is_naive(route, config):
        entries.insert(0, naive.gateway_route(route, cluster_name("naive", route), timeout))
    return entries


def _is_naive(route: Route, config: GatewayConfig) -> bool:
    return config.naive_route and route.protocol == "HTTPS"
