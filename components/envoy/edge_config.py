"""The Envoy configuration of the edge: TLS for clients, mutual TLS to the regional gateways."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from components.envoy import (
    failback,
    forwarding,
    health,
    http,
    protocols,
    server,
    tls,
    upstream,
    xds,
)
from components.envoy.common import (
    Listen,
    Paths,
    cluster_name,
    health_host,
    own_health_host,
)
from components.profile.model import HttpProfile
from components.routing.failback import Failback, Step, steps
from components.routing.routes import Route
from components.routing.targets import Target
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


@dataclass(frozen=True)
class EdgeConfig:
    """What the edge's configuration is computed from.

    `own_addresses` are the names and IP addresses, besides the routes' hosts, by which clients
    reach the edge (they lead to the first route); `https_port` is the port clients use for https
    (it differs from `listen.https` where something forwards to it). `dns_server` is only for
    addresses that are names: None is the pod's own. `failback` says when requests return to
    gateways that had failed.
    """

    routes: tuple[Route, ...]
    targets: tuple[Target, ...]
    profile: HttpProfile
    name: str = EDGE_CLUSTER
    own_addresses: tuple[str, ...] = ()
    https_port: int = 443
    listen: Listen = field(default_factory=Listen)
    paths: Paths = field(default_factory=Paths)
    dns_server: tuple[str, int] | None = None
    version: str = ""
    """What answers call this configuration, see `edge_files`."""
    failback: Failback = Failback.AT_ONCE
    failback_trigger: str = ""
    """A new text brings back what waits for somebody to say so."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """Steps of a failback; none where there is nobody to fail over to."""
        return steps(self.failback, self.profile.failback_ramp) if len(self.targets) > 1 else ()


def edge_bootstrap(config: EdgeConfig) -> dict[str, Any]:
    """Return the edge's whole configuration as one static bootstrap."""
    listeners = [_http_listener(config)]
    if _secrets(config):
        listeners.insert(0, _https_listener(config))
    return server.bootstrap(
        listeners,
        [
            *(each for route in config.routes for each in _ways(route, config)),
            *(each for route in config.routes for each in _ways(route, config, is_patient=True)),
        ],
        listen=config.listen,
        dns_server=config.dns_server,
    )


def edge_files(config: EdgeConfig) -> dict[str, str]:
    """Return the data of the edge's ConfigMap, see `components.envoy.xds`.

    Its version is a digest of the whole: equal settings give equal versions.
    """
    version = xds.version_of(edge_bootstrap(replace(config, version="")))
    return xds.files(edge_bootstrap(replace(config, version=version)), version, config.paths.config)


def _secrets(config: EdgeConfig) -> list[str]:
    """Return the names of the certificates' Secrets, in the order of the routes."""
    return list(dict.fromkeys(r.tls_secret for r in config.routes if r.tls_secret))


def _regions(route: Route, config: EdgeConfig, *, is_patient: bool = False) -> dict[str, Any]:
    """Return the Envoy cluster of one Service: the gateways of all application clusters.

    The health check goes through each gateway to the Service's pods, so that a gateway without
    pods of its own is known as degraded before a request meets it. Requests that are sent once, and
    streams, have connections of their own, which a gateway short of CPU keeps longer.
    """
    return upstream.cluster(
        cluster_name("patient" if is_patient else "regions", route),
        upstream.target_endpoints(config.targets),
        config.profile,
        health_check=health.http_check(
            # A handshake for each check is dear, so only one of the two makes it.
            health_host(route),
            route,
            reuse_connection=is_patient,
            through_gateway=True,
        ),
        # One healthy gateway is enough for a priority to keep everything: a standby is used only
        # when nobody before it is left.
        overprovisioning=100 * max(2, len(config.targets)),
        protocol=protocols.to_gateways(protocols.PATIENT if is_patient else protocols.QUICK),
        targets=config.targets,
        paths=config.paths,
    )


def _ways(route: Route, config: EdgeConfig, *, is_patient: bool = False) -> list[dict[str, Any]]:
    """Return the Envoy cluster of one Service, and those of the steps of a failback."""
    plain = _regions(route, config, is_patient=is_patient)
    host, rules = own_health_host(route), config.profile.outlier_detection
    return [plain, *failback.clusters(plain, config.steps, host, rules, config.failback_trigger)]


def _https_listener(config: EdgeConfig) -> dict[str, Any]:
    """Return the listener for clients: a filter chain a certificate, chosen by the name asked for.

    The first certificate also serves clients that ask for no name or an unknown one.
    """
    secure = [route for route in config.routes if route.protocol == "HTTPS"]
    hosts = _route_config("https", _hosts(secure, config), config)
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
    listener = server.listener("https", config.listen.address, config.listen.https, chains)
    listener["listener_filters"] = [
        {
            "name": "envoy.filters.listener.tls_inspector",
            "typed_config": {
                "@type": "type.googleapis.com/"
                "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"
            },
        }
    ]
    return listener


def _http_listener(config: EdgeConfig) -> dict[str, Any]:
    """Return the listener without TLS: routes of protocol HTTP, all else is sent to https."""
    route_config = _route_config("http", _hosts(config.routes, config, redirect=True), config)
    manager = http.connection_manager("http", route_config, _http_options(config))
    return server.listener(
        "http", config.listen.address, config.listen.http, [{"filters": [manager]}]
    )


def _hosts(
    routes: Sequence[Route], config: EdgeConfig, *, redirect: bool = False
) -> list[dict[str, Any]]:
    """Return a virtual host per external name; `redirect` sends HTTPS routes to the https port."""
    result = []
    for host in dict.fromkeys(host for route in routes for host in route.hosts):
        served = [route for route in routes if host in route.hosts]
        plain = [r for r in served if r.protocol == "HTTP"] if redirect else served
        entries = [entry for route in _longest_first(plain) for entry in _forward(route, config)]
        if len(plain) < len(served):
            entries.append(_to_https(config))
        rules = config.profile.requests
        entries = [*forwarding.refused(rules.methods), *entries, forwarding.not_found()]
        result.append(forwarding.virtual_host(host, [host], entries, rules.retry_body))
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
    return forwarding.virtual_host("own-addresses", domains, entries, kept)


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
        served_by=config.name,
        idle_timeout=http.stream_idle(profile),
        edge=True,
        rules=profile.requests,
    )


def _to_https(config: EdgeConfig) -> dict[str, Any]:
    """Return the redirect; 308 keeps method, path and query."""
    redirect: dict[str, Any] = {"https_redirect": True, "response_code": "PERMANENT_REDIRECT"}
    if config.https_port != 443:
        redirect["port_redirect"] = config.https_port
    return {"match": {"prefix": "/"}, "redirect": redirect}


def _route_config(name: str, hosts: Sequence[dict[str, Any]], config: EdgeConfig) -> dict[str, Any]:
    known = {host["name"] for host in hosts}
    own = [address for address in dict.fromkeys(config.own_addresses) if address not in known]
    others = [_own_host(hosts[0], own)] if own and hosts else []
    others.append(forwarding.virtual_host("unknown", ["*"], [forwarding.not_found()]))
    return {
        "name": name,
        "ignore_port_in_host_matching": True,
        "response_headers_to_add": [
            *http.served_by(config.name, http.OWN_POD),
            {
                "header": {
                    "key": http.CONFIGURATION_HEADER,
                    "value": f"{http.OWN_CONFIGURATION}-{config.version}",
                },
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            },
        ],
        "response_headers_to_remove": _INTERNAL_HEADERS,
        "virtual_hosts": [*hosts, *others],
    }


def _longest_first(routes: Iterable[Route]) -> list[Route]:
    return sorted(routes, key=lambda route: len(route.path), reverse=True)
