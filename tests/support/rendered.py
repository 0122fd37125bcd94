"""Configurations of an edge and of gateways with a portal's route, and what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components.envoy.edge_clusters import EdgeConfig
from components.envoy.gateway_clusters import GatewayConfig
from components.routing.routes import Route
from components.routing.targets import (
    ApplicationCluster,
    LbMode,
    edge_targets,
    edge_weights,
    gateway_targets,
    passing_on_to,
)
from foundation.project import ROOT
from tests.support.envoy_lab import CLUSTERS, portal_route, read_profile, shipped_profile

PORTAL = portal_route()
SHOP = Route(
    "shop", "retail", 80, 8080, ("shop.example.com",), "/", "HTTPS", "shop-certs", "/ready"
)
PLAIN = Route("news", "retail", 80, 8080, ("news.example.com",), "/n", "HTTP", None, "/n")
SOUTH = ApplicationCluster("south-cluster", "us-south1", 0)
ADDRESSES = {"east-cluster": "10.89.0.27", "west-cluster": "10.89.0.43", "south-cluster": "gw.test"}
PROFILE = shipped_profile()
EARLIER = read_profile(ROOT / "tests" / "support" / "profiles" / "earlier-demo.yaml")
SILENT = read_profile(ROOT / "tests" / "support" / "profiles" / "nothing-written.yaml")


def edge(
    mode: LbMode = LbMode.ACTIVE,
    routes: tuple[Route, ...] = (PORTAL,),
    clusters: list[ApplicationCluster] = CLUSTERS,
    **more: Any,
) -> EdgeConfig:
    weights = edge_weights(mode, clusters, "west-cluster")
    targets = edge_targets(weights, clusters, ADDRESSES, "us-east1")
    return EdgeConfig(routes, tuple(targets), PROFILE, **more)


def gateway(
    routes: tuple[Route, ...] = (PORTAL,), clusters: list[ApplicationCluster] = CLUSTERS
) -> GatewayConfig:
    return gateway_of("east-cluster", clusters, ADDRESSES, routes)


def gateway_of(
    name: str,
    clusters: list[ApplicationCluster],
    addresses: dict[str, str],
    routes: tuple[Route, ...] = (PORTAL,),
) -> GatewayConfig:
    peers = tuple(gateway_targets(name, clusters, addresses))
    return GatewayConfig(
        name, "us-east1", routes, peers, tuple(passing_on_to(name, clusters)), PROFILE
    )


def nodes(document: object, key: str) -> Iterator[Any]:
    """Yield the values of all entries called `key`, at any depth."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name == key:
                yield value
            yield from nodes(value, key)
    elif isinstance(document, list):
        for value in document:
            yield from nodes(value, key)
