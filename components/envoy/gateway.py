"""The Envoy configuration of a regional gateway: own pods first, then the peers' gateways."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from components.envoy.common import Listen, Paths
from components.profile import HttpProfile
from components.routes import Route
from components.routing import Target


@dataclass(frozen=True)
class GatewayConfig:
    """What a regional gateway's configuration is computed from.

    `peers` is what `gateway_targets` gave for `cluster`.
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


def gateway_bootstrap(config: GatewayConfig) -> dict[str, Any]:
    """Gives the gateway's whole static bootstrap."""
    raise NotImplementedError


def gateway_files(config: GatewayConfig) -> dict[str, str]:
    """Gives the gateway's ConfigMap data: `envoy.yaml` and the SDS files."""
    raise NotImplementedError
