"""The Envoy configuration of a regional gateway: own pods first, then the peers' gateways."""

from __future__ import annotations

from typing import Any

from components.envoy import forwarding, gateway_clusters, health, http, server, tls, virtual_hosts
from components.envoy.common import (
    HEALTH_DOMAIN,
    edge_san,
    health_host,
    own_health_host,
    render,
)
from components.envoy.gateway_clusters import GatewayConfig
from components.routing.routes import Route
from foundation.contract import EDGE_CLUSTER, gateway_san

#: Each tier gives up before the one in front of it does, so that the answer still gets through.
_INGRESS_SHARE = 0.9
_PEER_SHARE = 0.8
#: Retries multiply from tier to tier. So the edge alone repeats what may have been executed; a
#: gateway tries once more what surely was not, or hedges once where the Service asks for it.
_ATTEMPTS = 1


def gateway_bootstrap(config: GatewayConfig) -> dict[str, Any]:
    """Return the gateway's whole static bootstrap."""
    listen = config.listen
    listeners = [server.listener("ingress", listen.address, listen.ingress, _ingress(config))]
    if config.passing_on:
        listeners.append(server.listener("peer", listen.address, listen.peer, _peer(config)))
    clusters = [
        each for route in config.routes for each in gateway_clusters.clusters(route, config)
    ]
    return server.bootstrap(listeners, clusters, listen=config.listen, dns_server=config.dns_server)


def gateway_files(config: GatewayConfig) -> dict[str, str]:
    """Return the data of the gateway's ConfigMap."""
    return {"envoy.yaml": render(gateway_bootstrap(config))}


def _ingress(config: GatewayConfig) -> list[dict[str, Any]]:
    """Return the filter chains for the edge: for all, and for checks that renew their connection.

    Its health checks go through the routing: with no pods here but some in another region the
    answer is 200 and `x-envoy-degraded`, so the edge prefers the others and keeps this gateway as
    a last resort.
    """
    sans = [edge_san(EDGE_CLUSTER)]
    checks = _health_hosts(config)
    hosts = [*_service_hosts(config, _INGRESS_SHARE, is_peer=False), *checks]
    through = server.health_filter(
        [{"name": ":authority", "string_match": {"suffix": f".{HEALTH_DOMAIN}"}}], pass_through=True
    )
    plain = _mesh_chain("ingress", hosts, [through], sans, config)
    return [plain, _mesh_chain("renewed", checks, [through], sans, config, is_renewed=True)]


def _peer(config: GatewayConfig) -> list[dict[str, Any]]:
    """Return the filter chains for other gateways, as for the edge.

    They lead to own pods only, so nothing goes in circles.
    """
    local = [
        server.health_filter(
            [{"name": ":authority", "string_match": {"exact": health_host(route)}}],
            pass_through=False,
            min_healthy={gateway_clusters.for_peers(route): 1},
        )
        for route in config.routes
    ]
    hosts = _service_hosts(config, _PEER_SHARE, is_peer=True)
    sans = [gateway_san(cluster) for cluster in config.passing_on]
    plain = _mesh_chain("peer", hosts, local, sans, config, is_peer=True)
    return [plain, _mesh_chain("peer_renewed", [], local, sans, config, is_renewed=True)]


def _mesh_chain(
    name: str,
    hosts: list[dict[str, Any]],
    filters: list[dict[str, Any]],
    clients: list[str],
    config: GatewayConfig,
    *,
    is_peer: bool = False,
    is_renewed: bool = False,
) -> dict[str, Any]:
    """Return the filter chain of `clients`, SANs of their certificates, for these virtual hosts.

    One that `is_renewed` is for checks, whose connection takes a few alone: see `health`.
    """
    headers = http.served_by(config.cluster, "%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")
    if is_peer:
        headers.append(http.overwriting(http.DEGRADED_HEADER, "true"))
    route_config = {
        "name": name,
        "ignore_port_in_host_matching": True,
        "response_headers_to_add": headers,
        "virtual_hosts": [
            *hosts,
            # An edge, or a peer, that knows a Service already is to go to who knows it too.
            virtual_hosts.virtual_host(
                "unknown-health", [f"*.{HEALTH_DOMAIN}"], [virtual_hosts.unhealthy()]
            ),
            virtual_hosts.virtual_host("unknown", ["*"], [virtual_hosts.not_found()]),
        ],
    }
    profile = config.profile
    options = http.Options(
        config.cluster,
        http.stream_idle(profile),
        tuple(filters),
        rules=profile.requests,
        requests_per_connection=health.RENEWED_REQUESTS if is_renewed else None,
    )
    match = {"filter_chain_match": {"application_protocols": [health.RENEWED_ALPN]}}
    return {
        "name": name,
        "transport_socket": tls.mesh_server(clients, config.paths),
        "transport_socket_connect_timeout": "10s",
        "filters": [http.connection_manager(name, route_config, options)],
        **(match if is_renewed else {}),
    }


def _service_hosts(config: GatewayConfig, share: float, *, is_peer: bool) -> list[dict[str, Any]]:
    """Return a virtual host per external name."""
    hosts = []
    for host in dict.fromkeys(host for route in config.routes for host in route.hosts):
        served = virtual_hosts.longest_first(r for r in config.routes if host in r.hosts)
        entries = [e for route in served for e in _forward(route, config, share, is_peer=is_peer)]
        hosts.append(_host(host, entries, config))
    return hosts


def _host(name: str, entries: list[dict[str, Any]], config: GatewayConfig) -> dict[str, Any]:
    kept = config.profile.requests.retry_body
    return virtual_hosts.virtual_host(name, [name], [*entries, virtual_hosts.not_found()], kept)


def _health_hosts(config: GatewayConfig) -> list[dict[str, Any]]:
    """Return virtual hosts for the edge's checks of each Service's health.

    One answers for whatever this gateway can do, one for its own cluster's pods alone.
    """
    times = forwarding.HEALTH_ROUTE_TIMEOUT
    asked = [
        (health_host(route), gateway_clusters.for_edge(route, config), route, times)
        for route in config.routes
    ]
    if config.peers:
        times = forwarding.OWN_HEALTH_TIMEOUT
        asked += [
            (own_health_host(route), gateway_clusters.for_peers(route), route, times)
            for route in config.routes
        ]
    return [
        virtual_hosts.virtual_host(
            host,
            [host],
            [forwarding.health_route(cluster, route.host, health.check_headers(route), times)],
        )
        for host, cluster, route, times in asked
    ]


def _forward(
    route: Route, config: GatewayConfig, share: float, *, is_peer: bool
) -> list[dict[str, Any]]:
    profile = config.profile
    timeout = profile.request_timeout * share
    tries = forwarding.Tries(
        forwarding.NOT_EXECUTED,
        min(_ATTEMPTS, profile.retries.attempts),
        timeout,
        # A peer's gateway is the second try of another one.
        0.0 if is_peer else route.transport.hedge_after,
    )
    cluster = (
        gateway_clusters.for_peers(route) if is_peer else gateway_clusters.for_edge(route, config)
    )
    return forwarding.forwarding_routes(route, cluster, profile, tries)
