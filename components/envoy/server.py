"""The shell around listeners and clusters: admin, readiness, overload protection, DNS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.envoy.common import MEMORY_MIB, Listen, extension, socket_address

READY_PATH = "/readyz"

_CARES = "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"
_HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_HEALTH_CHECK = "envoy.extensions.filters.http.health_check.v3.HealthCheck"
_TLS_INSPECTOR = "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"
_ROUTER = "envoy.extensions.filters.http.router.v3.Router"
_FIXED_HEAP = "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig"
_CONNECTIONS = (
    "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
)

#: They only count how often a thread was late, and by default wake each thread ten times a second:
#: a sixth of what an Envoy at rest costs.
_WATCHDOG = {"miss_timeout": "2s", "megamiss_timeout": "5s"}


def bootstrap(
    listeners: Sequence[dict[str, Any]],
    clusters: Sequence[dict[str, Any]],
    *,
    listen: Listen,
    dns_server: tuple[str, int] | None,
) -> dict[str, Any]:
    """Return a whole static bootstrap; the node's id and cluster come from the command line.

    `dns_server` is an address and a UDP port, None for the pod's own.
    """
    return {
        "admin": {"address": socket_address(listen.admin_address, listen.admin)},
        "typed_dns_resolver_config": _dns_resolver(dns_server),
        "overload_manager": _overload_manager(),
        "watchdogs": {"main_thread_watchdog": _WATCHDOG, "worker_watchdog": _WATCHDOG},
        "static_resources": {
            "listeners": [*listeners, _ready_listener(listen)],
            "clusters": list(clusters),
        },
    }


def listener(
    name: str, address: str, port: int, filter_chains: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return a TCP listener; it reads what a TLS client asks for where a chain depends on it."""
    reads_tls = any("filter_chain_match" in chain for chain in filter_chains)
    inspector = [extension("envoy.filters.listener.tls_inspector", _TLS_INSPECTOR)]
    return {
        "name": name,
        "address": socket_address(address, port),
        "per_connection_buffer_limit_bytes": 32768,
        **({"listener_filters": inspector} if reads_tls else {}),
        "filter_chains": list(filter_chains),
    }


def health_filter(
    headers: Sequence[dict[str, Any]],
    *,
    pass_through: bool,
    min_healthy: dict[str, int] | None = None,
) -> dict[str, Any]:
    """Return a filter that knows health checks by `headers`.

    `pass_through` sends them on through the routing, else they are answered here: 200, or 503
    when fewer than the percentage `min_healthy` of an Envoy cluster's hosts are healthy. Either
    way the answer is 503 after a POST to /healthcheck/fail.
    """
    fields: dict[str, Any] = {"pass_through_mode": pass_through, "headers": list(headers)}
    if min_healthy:
        fields["cluster_min_healthy_percentages"] = {
            name: {"value": percentage} for name, percentage in min_healthy.items()
        }
    return extension("envoy.filters.http.health_check", _HEALTH_CHECK, **fields)


def connection_manager(**fields: object) -> dict[str, Any]:
    """Return the network filter that speaks HTTP."""
    return extension("envoy.filters.network.http_connection_manager", _HCM, **fields)


def router(**fields: object) -> dict[str, Any]:
    """Return the last of a connection manager's filters, which sends a request on."""
    return extension("envoy.filters.http.router", _ROUTER, **fields)


def _ready_listener(listen: Listen) -> dict[str, Any]:
    """Return the listener for the kubelet: ready once all is loaded, until a drain begins."""
    manager = connection_manager(
        stat_prefix="ready",
        route_config={"name": "ready", "virtual_hosts": []},
        http_filters=[
            health_filter(
                [{"name": ":path", "string_match": {"exact": READY_PATH}}], pass_through=False
            ),
            router(),
        ],
    )
    return listener("ready", listen.address, listen.ready, [{"filters": [manager]}])


def _dns_resolver(server: tuple[str, int] | None) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if server:
        fields["resolvers"] = [
            {"socket_address": {"protocol": "UDP", "address": server[0], "port_value": server[1]}}
        ]
        fields["use_resolvers_as_fallback"] = False
    return extension(
        "envoy.network.dns_resolver.cares",
        _CARES,
        # Names are written in full; search domains would ask three times in vain first.
        dns_resolver_options={"no_default_search_domain": True},
        query_timeout_seconds=1,
        query_tries=2,
        **fields,
    )


def _overload_manager() -> dict[str, Any]:
    """Return the protection against running out of memory or connections.

    Sheds in steps: give memory back, close the largest streams, end keep-alive, refuse. The heap
    counts for three quarters of the container's limit, the rest is stacks, code and TLS.
    """
    heap = "envoy.resource_monitors.fixed_heap"
    return {
        "refresh_interval": "0.25s",
        "buffer_factory_config": {"minimum_account_to_track_power_of_two": 20},
        "resource_monitors": [
            extension(heap, _FIXED_HEAP, max_heap_size_bytes=MEMORY_MIB * 1024**2 * 3 // 4),
            extension(
                "envoy.resource_monitors.global_downstream_max_connections",
                _CONNECTIONS,
                max_active_downstream_connections=10000,
            ),
        ],
        "actions": [
            _action("envoy.overload_actions.shrink_heap", heap, threshold=0.85),
            {
                "name": "envoy.overload_actions.reset_high_memory_stream",
                "triggers": [
                    {
                        "name": heap,
                        "scaled": {"scaling_threshold": 0.9, "saturation_threshold": 0.98},
                    }
                ],
            },
            _action("envoy.overload_actions.disable_http_keepalive", heap, threshold=0.93),
            _action("envoy.overload_actions.stop_accepting_requests", heap, threshold=0.98),
        ],
        "loadshed_points": [
            _action("envoy.load_shed_points.tcp_listener_accept", heap, threshold=0.95)
        ],
    }


def _action(name: str, monitor: str, *, threshold: float) -> dict[str, Any]:
    return {"name": name, "triggers": [{"name": monitor, "threshold": {"value": threshold}}]}
