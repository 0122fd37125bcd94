"""A GKE cluster with its subnetwork and its nodes; imported only by backend `gke`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_gcp.compute import Subnetwork
from pulumi_gcp.container import Cluster, NodePool

from components.backends.gke_foundation import NODE_SCOPES, Foundation
from components.backends.gke_network import ranges
from components.backends.gke_state import CLUSTER_SUFFIX, NODES_SUFFIX, SUBNETWORK_SUFFIX
from components.settings.gke import GkeSettings, Location, ReleaseChannel
from components.settings.model import Settings

NODE_DISK_GB = 50
"""Google's default is 100; images and logs of the demo take 5."""

PODS, SERVICES = "pods", "services"
"""Names of a subnetwork's secondary ranges."""

_ZONE = "b"
"""Every region has a zone b; some have no a."""


@dataclass(frozen=True)
class GoogleCluster:
    """What was registered for one cluster."""

    endpoint: pulumi.Output[str]
    authority: pulumi.Output[str]
    """Certificate of the cluster's authority, in base64."""
    identity: str
    """Changes exactly when an input changes that makes Google replace the cluster."""
    ready: Sequence[pulumi.Resource]
    """What runs the pods: objects come after it and go before it."""


def make_cluster(
    name: str,
    region: str,
    position: int,
    shared: Foundation,
    settings: Settings,
    parent: pulumi.Resource,
    after: Sequence[pulumi.Resource] = (),
) -> GoogleCluster:
    """Register a cluster, its subnetwork and, unless Google looks after them, its nodes.

    `position` is that in the address plan, `after` what is changed before its nodes are.
    """
    gke = shared.gke
    own = ranges(position)
    location = region if gke.location is Location.REGIONAL else f"{region}-{_ZONE}"
    subnetwork = Subnetwork(
        f"{name}{SUBNETWORK_SUFFIX}",
        name=f"{name}-{settings.stack}",
        region=region,
        network=shared.network.self_link,
        ip_cidr_range=own.nodes,
        secondary_ip_ranges=[
            {"range_name": PODS, "ip_cidr_range": own.pods},
            {"range_name": SERVICES, "ip_cidr_range": own.services},
        ],
        private_ip_google_access=True,
        opts=shared.options(parent),
    )
    modes = _autopilot(shared) if gke.is_autopilot else _standard(gke)
    # Autopilot makes its nodes as pods come, so what nodes need has to be there with the cluster.
    before_nodes = [*shared.before_nodes, *shared.way_out(region)]
    cluster = Cluster(
        f"{name}{CLUSTER_SUFFIX}",
        name=f"{name}-{settings.stack}",
        location=location,
        network=shared.network.self_link,
        subnetwork=subnetwork.self_link,
        networking_mode="VPC_NATIVE",
        ip_allocation_policy={
            "cluster_secondary_range_name": PODS,
            "services_secondary_range_name": SERVICES,
        },
        release_channel={"channel": _channel(gke.release_channel)},
        deletion_protection=gke.deletion_protection,
        resource_labels={"managed-by": "pulumi", "stack": settings.stack, **gke.labels},
        **_access(gke, own.control_plane),
        **modes,
        opts=shared.options(
            parent, *shared.before_clusters, *(before_nodes if gke.is_autopilot else ())
        ),
    )
    ready: list[pulumi.Resource] = [cluster]
    if not gke.is_autopilot:
        before_nodes += after
        ready = [_node_pool(name, cluster, location, shared, gke, parent, before_nodes)]
    return GoogleCluster(
        endpoint=cluster.endpoint,
        authority=cluster.master_auth.cluster_ca_certificate,
        identity="/".join((gke.project, location, name, settings.stack, gke.mode, own.nodes)),
        ready=ready,
    )


def _access(gke: GkeSettings, control_plane: str) -> dict[str, Any]:
    """Return the inputs that say who reaches nodes and API server.

    The API server keeps its public address: Pulumi and kubectl have to reach it. It asks for a
    token, and can be closed to all but some networks.
    """
    inputs: dict[str, Any] = {}
    if gke.private_nodes:
        inputs["private_cluster_config"] = {
            "enable_private_nodes": True,
            "enable_private_endpoint": False,
            "master_ipv4_cidr_block": control_plane,
        }
    if gke.authorized_networks:
        blocks = [{"cidr_block": network} for network in gke.authorized_networks]
        inputs["master_authorized_networks_config"] = {"cidr_blocks": blocks}
    return inputs


def _autopilot(shared: Foundation) -> dict[str, Any]:
    """Return the inputs of a cluster whose nodes Google looks after.

    Shielded nodes, Workload Identity and Dataplane V2 are what it always has; two of these inputs
    are refused beside `enable_autopilot`.
    """
    nodes = {"service_account": shared.account.email, "oauth_scopes": list(NODE_SCOPES)}
    return {"enable_autopilot": True, "cluster_autoscaling": {"auto_provisioning_defaults": nodes}}


def _standard(gke: GkeSettings) -> dict[str, Any]:
    """Return the inputs of a cluster with a node pool of its own; the one it begins with goes."""
    return {
        "remove_default_node_pool": True,
        "initial_node_count": 1,
        "enable_shielded_nodes": True,
        "datapath_provider": "ADVANCED_DATAPATH",
        "workload_identity_config": {"workload_pool": f"{gke.project}.svc.id.goog"},
    }


def _node_pool(
    name: str,
    cluster: Cluster,
    location: str,
    shared: Foundation,
    gke: GkeSettings,
    parent: pulumi.Resource,
    before: Sequence[pulumi.Resource],
) -> NodePool:
    count: dict[str, Any] = {"node_count": gke.nodes}
    if gke.is_autoscaled:
        bounds = {"min_node_count": gke.nodes, "max_node_count": gke.max_nodes}
        count = {"initial_node_count": gke.nodes, "autoscaling": bounds}
    options = pulumi.ResourceOptions.merge(
        shared.options(parent, *before),
        # says only how the pool began; a change of it would replace the pool
        pulumi.ResourceOptions(ignore_changes=["initialNodeCount"] if gke.is_autoscaled else []),
    )
    return NodePool(
        f"{name}{NODES_SUFFIX}",
        name="nodes",
        cluster=cluster.name,
        location=location,
        management={"auto_repair": True, "auto_upgrade": True},
        node_config={
            "machine_type": gke.machine_type,
            "disk_size_gb": NODE_DISK_GB,
            "disk_type": "pd-balanced",
            "service_account": shared.account.email,
            "oauth_scopes": list(NODE_SCOPES),
            "shielded_instance_config": {
                "enable_secure_boot": True,
                "enable_integrity_monitoring": True,
            },
            # pods ask for their own identity and never see that of the node
            "workload_metadata_config": {"mode": "GKE_METADATA"},
        },
        **count,
        opts=options,
    )


def _channel(channel: ReleaseChannel) -> str:
    """Return Google's word. A field left out would not leave a channel, so none is said too."""
    return "UNSPECIFIED" if channel is ReleaseChannel.NONE else channel.upper()
