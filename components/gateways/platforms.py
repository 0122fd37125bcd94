"""What moves the traffic: Envoys of our own, or those of Tetrate's platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi

from components.clusters.cluster import Cluster
from components.gateways.edge import Edge
from components.gateways.entrance import Entrance
from components.gateways.envoys import Mesh
from components.gateways.gateway import Gateway
from components.gateways.tetrate_edge import TetrateEdge
from components.plan import Plan
from components.settings.model import Platform
from components.tls.pki import CertificateAuthority
from foundation.contract import EDGE_CLUSTER


def edge(
    plan: Plan,
    corp_edge: Cluster,
    clusters: Mapping[str, Cluster],
    authority: CertificateAuthority,
    applications: Sequence[pulumi.Resource],
) -> Edge | TetrateEdge:
    """Register all gateways that are ours to make, and return the edge.

    `applications` are what answers behind the gateways.
    """
    if plan.settings.platform is Platform.TETRATE:
        return TetrateEdge(plan, corp_edge, authority)
    settings, exposure = plan.settings, plan.backend.exposure
    every = {EDGE_CLUSTER: corp_edge, **clusters}
    entrances = {name: Entrance(cluster, exposure) for name, cluster in every.items()}
    mesh = Mesh(
        authority,
        settings.clusters,
        {name: entrances[name].address for name in clusters},
        exposure.gateway_ports,
        plan.routes,
        plan.profile,
    )
    gateways = [
        Gateway(entrances[member.name], member, mesh, settings.gateway_replicas)
        for member in settings.clusters
    ]
    return Edge(plan, entrances[EDGE_CLUSTER], mesh, gateways, applications)
