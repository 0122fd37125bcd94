"""Envoy clusters: the addresses behind a route, how their health is known, what they may take.

Values that a user tunes come from the profile. What is fixed here is Envoy's own tuning, with the
reason beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from components.envoy import tls
from components.envoy.common import (
    ENDPOINT_METADATA,
    Paths,
    any_type,
    extension,
    seconds,
    socket_address,
)
from components.envoy.protocols import HTTP_OPTIONS
from components.envoy.tls import mesh_client
from components.profile.model import HttpProfile
from components.routing.targets import Target
from foundation.contract import gateway_san

_AGGREGATE = "envoy.extensions.clusters.aggregate.v3.ClusterConfig"
_DNS = "envoy.extensions.clusters.dns.v3.DnsCluster"
_SOCKET_MATCH = "envoy.transport_socket_match"

_DNS_REFRESH = "0.5s"

_BALANCING = {
    # Panic only when no host is left. 0 would send everything to nowhere then.
    "healthy_panic_threshold": {"value": 1},
    # Changes of health and membership count at once, not after a second.
    "update_merge_window": "0s",
}

#: Envoy's default of 3 retries at a time loses requests just when it matters.
_RETRIES = {"retry_budget": {"budget_percent": {"value": 100}, "min_retry_concurrency": 256}}


def cluster(
    name: str,
    endpoints: Sequence[dict[str, Any]],
    profile: HttpProfile,
    *,
    health_check: dict[str, Any],
    overprovisioning: int,
    protocol: dict[str, Any],
    pods_tls: bool = False,
    targets: Sequence[Target] = (),
    paths: Paths | None = None,
) -> dict[str, Any]:
    """Return an Envoy cluster with the given groups of endpoints.

    `protocol` is what the endpoints speak, see `components.envoy.protocols`. `targets` are those
    that are reached by mutual TLS, `pods_tls` says that the others speak TLS. `overprovisioning`
    says how few healthy hosts a priority needs to keep everything: 200 means that half of them
    will do.
    """
    limits = profile.limits
    result: dict[str, Any] = {
        "name": name,
        **_discovery(endpoints),
        "lb_policy": "ROUND_ROBIN",
        "connect_timeout": seconds(limits.connect_timeout),
        "per_connection_buffer_limit_bytes": 32768,
        "common_lb_config": _BALANCING,
        # A host that DNS no longer names stays while it passes its checks: an empty answer by
        # mistake loses nothing, and a pod that ends fails its checks first.
        "ignore_health_on_host_removal": False,
        "health_checks": [health_check],
        "outlier_detection": _outlier_detection(profile),
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": limits.max_connections,
                    "max_pending_requests": limits.max_requests,
                    "max_requests": limits.max_requests,
                    **_RETRIES,
                }
            ]
        },
        "upstream_connection_options": {
            "tcp_keepalive": {
                "keepalive_probes": limits.keepalive_probes,
                "keepalive_time": limits.keepalive_idle,
                "keepalive_interval": limits.keepalive_interval,
            }
        },
        "typed_extension_protocol_options": {HTTP_OPTIONS: any_type(HTTP_OPTIONS, **protocol)},
        "load_assignment": {
            "cluster_name": name,
            "policy": {"overprovisioning_factor": overprovisioning},
            "endpoints": list(endpoints),
        },
    }
    if pods_tls:
        result["transport_socket"] = tls.any_server()
    if targets:
        # One socket per cluster, chosen by the endpoint's metadata: each gateway must show the
        # certificate of its own cluster, not just that of any gateway. Health checks use the same.
        result["transport_socket_matches"] = [
            {
                "name": target.cluster,
                "match": {"cluster": target.cluster},
                "transport_socket": mesh_client(gateway_san(target.cluster), paths or Paths()),
            }
            for target in targets
        ]
    return result


def _discovery(endpoints: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return how hosts are found: names are asked for again and again, IP addresses are not.

    Both keep priorities, and allow names, which EDS does not.
    """
    hosts = [host["endpoint"]["address"] for group in endpoints for host in group["lb_endpoints"]]
    if all(_is_ip_address(host["socket_address"]["address"]) for host in hosts):
        return {"type": "STATIC"}
    return {
        "cluster_type": extension(
            "envoy.cluster.dns",
            _DNS,
            dns_lookup_family="V4_PREFERRED",
            # Faster than any TTL: DNS in a cluster answers from memory.
            dns_refresh_rate=_DNS_REFRESH,
            dns_failure_refresh_rate={"base_interval": _DNS_REFRESH, "max_interval": "1s"},
            respect_dns_ttl=False,
        )
    }


def _is_ip_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def failing_over(name: str, clusters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return an Envoy cluster that takes the first of these with a healthy host.

    Each keeps its own checks, limits and protocol; their priorities count one after the other.
    """
    breakers = {"thresholds": [_RETRIES]}
    return aggregate(name, [each["name"] for each in clusters], clusters[0], breakers)


def aggregate(
    name: str, members: Sequence[str], like: Mapping[str, Any], circuit_breakers: object
) -> dict[str, Any]:
    """Return an Envoy cluster that takes the first of `members` with a healthy host.

    What it needs itself is as in the cluster `like`, except for its circuit breakers: retries count
    in the cluster that the route names.
    """
    return {
        "name": name,
        "cluster_type": extension("envoy.clusters.aggregate", _AGGREGATE, clusters=members),
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": like["connect_timeout"],
        "common_lb_config": like["common_lb_config"],
        "circuit_breakers": circuit_breakers,
    }


def target_endpoints(targets: Sequence[Target]) -> list[dict[str, Any]]:
    """Return a group of endpoints per target, in the order of `targets`."""
    return [_group(target) for target in targets]


def pod_endpoints(address: str, port: int, cluster_name: str, region: str) -> dict[str, Any]:
    """Return the group of a cluster's own pods: priority 0, all that the name resolves to."""
    return {
        "locality": {"region": region, "zone": cluster_name},
        "priority": 0,
        "lb_endpoints": [
            {
                "endpoint": {"address": socket_address(address, port)},
                "metadata": _metadata(cluster_name, region, mesh=False),
            }
        ],
    }


def _outlier_detection(profile: HttpProfile) -> dict[str, Any]:
    rules = profile.outlier_detection
    return {
        "interval": seconds(rules.interval),
        "split_external_local_origin_errors": rules.split_external_local_origin_errors,
        "consecutive_5xx": rules.consecutive_5xx,
        "enforcing_consecutive_5xx": rules.enforcing_consecutive_5xx,
        "consecutive_gateway_failure": rules.consecutive_gateway_failure,
        "enforcing_consecutive_gateway_failure": rules.enforcing_consecutive_gateway_failure,
        "enforcing_success_rate": 0,
        "enforcing_failure_percentage": 0,
        "max_ejection_percent": rules.max_ejection_percent,
        "base_ejection_time": seconds(rules.base_ejection_time),
        "max_ejection_time": seconds(rules.max_ejection_time),
        # A health page can lie while requests fail, so it does not end an ejection.
        "successful_active_health_check_uneject_host": False,
        # `x-envoy-degraded` on a single hedged answer would send a whole region's traffic away
        # for the time of an ejection; the active check tells the same within a second.
        "detect_degraded_hosts": False,
    }


def _group(target: Target) -> dict[str, Any]:
    return {
        "locality": {"region": target.region, "zone": target.cluster},
        "priority": target.priority,
        "lb_endpoints": [
            {
                "endpoint": {"address": socket_address(target.address, target.port)},
                "load_balancing_weight": target.weight,
                "metadata": _metadata(target.cluster, target.region, mesh=True),
            }
        ],
    }


def _metadata(cluster_name: str, region: str, *, mesh: bool) -> dict[str, Any]:
    metadata: dict[str, Any] = {ENDPOINT_METADATA: {"cluster": cluster_name, "region": region}}
    if mesh:
        metadata[_SOCKET_MATCH] = {"cluster": cluster_name}
    return {"filter_metadata": metadata}
