"""What moves the traffic: Envoys of our own, or those of Tetrate's platform."""

from __future__ import annotations

from collections.abc import Mapping

from components.cluster import Cluster
from components.edge import Edge, EdgeArgs
from components.entrance import Entrance
from components.envoys import Mesh
from components.gateway import Gateway
from components.pki import CertificateAuthority
from components.plan import Plan
from components.settings import EDGE_CLUSTER, Platform
from components.tetrate.edge import TetrateEdge


def edge(
    plan: Plan,
    corp_edge: Cluster,
    clusters: Mapping[str, Cluster],
    authority: CertificateAuthority,
) -> Edge | TetrateEdge:
    """Registers all gateways that are ours to make, and gives the edge."""
    if plan.settings.platform is Platform.TETRATE:
        return TetrateEdge(EDGE_CLUSTER, plan, corp_edge, authority)
    settings, exposure = plan.settings, plan.backend.exposure
    every = {EDGE_CLUSTER: corp_edge, **clusters}
    entrances = {name: Entrance(name, cluster, exposure) for name, cluster in every.items()}
    mesh = Mesh(
        authority,
        settings.clusters,
        {name: entrances[name].address for name in clusters},
        exposure.gateway_ports,
        plan.routes,
        plan.profile,
        settings.naive_route,
    )
    gateways = [
        Gateway(place.name, entrances[place.name], place, mesh, settings.gateway_replicas)
        for place in settings.clusters
    ]
    return Edge(EDGE_CLUSTER, EdgeArgs.of(plan, entrances[EDGE_CLUSTER], mesh, gateways))
