"""The Envoy configuration of the edge: TLS for clients, mutual TLS to the regional gateways."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from components.envoy.common import Listen, Paths
from components.profile import HttpProfile
from components.routes import Route
from components.routing import Target


@dataclass(frozen=True)
class EdgeConfig:
    """What the edge's configuration is computed from.

    `own_addresses` are the names and IP addresses, besides the routes' hosts, by which clients
    reach the edge (they lead to the first route); `https_port` is the port clients use for https
    (it differs from `listen.https` where something forwards to it).
    """

    routes: tuple[Route, ...]
    targets: tuple[Target, ...]
    profile: HttpProfile
    name: str = "corp-edge"
    own_addresses: tuple[str, ...] = ()
    https_port: int = 443
    memory_mib: int = 256
    listen: Listen = field(default_factory=Listen)
    paths: Paths = field(default_factory=Paths)


def edge_bootstrap(config: EdgeConfig) -> dict[str, Any]:
    """Gives the edge's whole static bootstrap."""
    raise NotImplementedError


def edge_files(config: EdgeConfig) -> dict[str, str]:
    """Gives the edge's ConfigMap data: `envoy.yaml` and one SDS file per certificate."""
    raise NotImplementedError
