"""The Envoy clusters of the edge: the gateways of all application clusters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from components.envoy import failback, health, protocols, upstream
from components.envoy.common import Listen, Paths, cluster_name, health_host, own_health_host
from components.profile.model import HttpProfile
from components.routing.failback import Failback, Step, steps
from components.routing.routes import Route
from components.routing.targets import Target


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
            # One of the two meets new connections and is quick; the pings of the other's own
            # connections find a gateway that hangs before its checks do.
            health_host(route),
            route,
            through_gateway=True,
            is_renewed=not is_patient,
            while_healthy=health.RARE_SECONDS if is_patient else health.INTERVAL_SECONDS,
        ),
        # One healthy gateway is enough for a priority to keep everything: a standby is used only
        # when nobody before it is left.
        overprovisioning=100 * max(2, len(config.targets)),
        protocol=protocols.to_gateways(protocols.PATIENT if is_patient else protocols.QUICK),
        targets=config.targets,
        paths=config.paths,
    )


def ways(route: Route, config: EdgeConfig, *, is_patient: bool = False) -> list[dict[str, Any]]:
    """Return the Envoy cluster of one Service, and those of the steps of a failback."""
    plain = _regions(route, config, is_patient=is_patient)
    host, rules = own_health_host(route), config.profile.outlier_detection
    return [plain, *failback.clusters(plain, config.steps, host, rules, config.failback_trigger)]
