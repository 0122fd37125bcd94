"""Where the edge listens: hosts, certificates, and what is done with a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.envoy import failback, forwarding, http, server, tls, virtual_hosts
from components.envoy.common import cluster_name
from components.envoy.edge_clusters import EdgeConfig
from components.routing.routes import Route
from foundation.contract import EDGE_CLUSTER

#: Headers that gateways send to the edge and that are nobody else's business.
_INTERNAL_HEADERS = [
    "x-envoy-degraded",
    "x-envoy-upstream-service-time",
    "x-envoy-upstream-healthchecked-cluster",
    "x-envoy-immediate-health-check-fail",
    "x-envoy-attempt-count",
    "x-envoy-overloaded",
    "x-envoy-ratelimited",
]


def listeners(config: EdgeConfig) -> list[dict[str, Any]]:
    """Return the listener for HTTPS, where there are certificates, and the one for HTTP."""
    secure = [_https_listener(config)] if _secrets(config) else []
    return [*secure, _http_listener(config)]


def _secrets(config: EdgeConfig) -> list[str]:
    """Return the names of the certificates' Secrets, in the order of the routes."""
    return list(dict.fromkeys(r.tls_secret for r in config.routes if r.tls_secret))


def _https_listener(config: EdgeConfig) -> dict[str, Any]:
    """Return the listener for clients: a filter chain a certificate, chosen by the name asked for.

    The first certificate also serves clients that ask for no name or an unknown one.
    """
    secure = [route for route in config.routes if route.protocol == "HTTPS"]
    hosts = _route_config("https", _hosts("HTTPS", config), config)
    chains = []
    for index, secret in enumerate(_secrets(config)):
        names = sorted({h for r in secure if r.tls_secret == secret for h in r.hosts})
        chain: dict[str, Any] = {
            "name": secret,
            "transport_socket": tls.edge_server(secret, config.paths),
            "transport_socket_connect_timeout": "10s",
            "filters": [http.connection_manager("https", hosts, _http_options(config))],
        }
        if index:
            chain["filter_chain_match"] = {"server_names": names}
        chains.append(chain)
    return server.listener("https", config.listen.address, config.listen.https, chains)


def _http_listener(config: EdgeConfig) -> dict[str, Any]:
    """Return the listener without TLS: routes of protocol HTTP, all else is sent to https."""
    route_config = _route_config("http", _hosts("HTTP", config), config)
    manager = http.connection_manager("http", route_config, _http_options(config))
    return server.listener(
        "http", config.listen.address, config.listen.http, [{"filters": [manager]}]
    )


def _hosts(protocol: str, config: EdgeConfig) -> list[dict[str, Any]]:
    """Return a virtual host per external name of a listener, "HTTP" or "HTTPS".

    A path that another Service of the host has by the other protocol is none of this listener's: a
    gateway would take it to that Service. HTTP leads to HTTPS, and HTTPS never to HTTP.
    """
    result = []
    redirects = protocol == "HTTP"
    shown = [route for route in config.routes if redirects or route.protocol == protocol]
    for host in dict.fromkeys(host for route in shown for host in route.hosts):
        served = [route for route in config.routes if host in route.hosts]
        own = [route for route in served if route.protocol == protocol]
        entries = []
        for route in virtual_hosts.longest_first(served):
            if route in own:
                entries += _forward(route, config)
            elif any(forwarding.is_below(route.path, each.path) for each in own):
                elsewhere = _to_https(route.path, config) if redirects else None
                entries.append(elsewhere or virtual_hosts.not_found(route.path))
        if redirects and len(own) < len(served):
            entries.append(_to_https("/", config))
        rules = config.profile.requests
        entries = [*virtual_hosts.refused(rules.methods), *entries, virtual_hosts.not_found()]
        result.append(virtual_hosts.virtual_host(host, [host], entries, rules.retry_body))
    return result


def _own_host(first: dict[str, Any], domains: Sequence[str]) -> dict[str, Any]:
    """Return the virtual host of the edge's own addresses: a copy of the first one.

    What is forwarded carries the first one's name, the only one that gateways and applications
    know; what the client asked for is in `x-forwarded-host`.
    """
    rewrite = {"host_rewrite_literal": first["name"], "append_x_forwarded_host": True}
    entries = [
        {**entry, "route": {**entry["route"], **rewrite}} if "route" in entry else entry
        for entry in first["routes"]
    ]
    kept = first["request_body_buffer_limit"]
    return virtual_hosts.virtual_host("own-addresses", domains, entries, kept)


def _forward(route: Route, config: EdgeConfig) -> list[dict[str, Any]]:
    retries = config.profile.retries
    tries = forwarding.Tries(retries.retry_on, retries.attempts, config.profile.request_timeout)
    entries = forwarding.forwarding_routes(
        route,
        cluster_name("regions", route),
        config.profile,
        tries,
        patient=cluster_name("patient", route),
    )
    first = [target for target in config.targets if target.priority == 0]
    return failback.routed(entries, config.steps, shared=len(first) > 1)


def _http_options(config: EdgeConfig) -> http.Options:
    profile = config.profile
    return http.Options(
        served_by=EDGE_CLUSTER,
        idle_timeout=http.stream_idle(profile),
        edge=True,
        rules=profile.requests,
    )


def _to_https(path: str, config: EdgeConfig) -> dict[str, Any]:
    """Return the redirect; 308 keeps method, path and query."""
    redirect: dict[str, Any] = {"https_redirect": True, "response_code": "PERMANENT_REDIRECT"}
    if config.https_port != 443:
        redirect["port_redirect"] = config.https_port
    return {"match": virtual_hosts.below(path), "redirect": redirect}


def _route_config(name: str, hosts: Sequence[dict[str, Any]], config: EdgeConfig) -> dict[str, Any]:
    known = {host["name"] for host in hosts}
    own = [address for address in dict.fromkeys(config.own_addresses) if address not in known]
    others = [_own_host(hosts[0], own)] if own and hosts else []
    others.append(virtual_hosts.virtual_host("unknown", ["*"], [virtual_hosts.not_found()]))
    return {
        "name": name,
        "ignore_port_in_host_matching": True,
        "response_headers_to_add": [
            *http.served_by(EDGE_CLUSTER, http.OWN_POD),
            http.overwriting(
                http.CONFIGURATION_HEADER, f"{http.OWN_CONFIGURATION}-{config.version}"
            ),
        ],
        "response_headers_to_remove": _INTERNAL_HEADERS,
        "virtual_hosts": [*hosts, *others],
    }
