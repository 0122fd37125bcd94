"""What all GKE clusters of a stack share; imported only by backend `gke`.

Names in Google Cloud are fixed and end with the stack's: two stacks share a project, people find
what is theirs, and a leftover is seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_gcp import Provider
from pulumi_gcp.compute import Network, Router, RouterNat
from pulumi_gcp.projects import IAMMember, Service
from pulumi_gcp.serviceaccount import Account

from components.settings.gke import GkeSettings

APIS = ("cloudresourcemanager", "compute", "container", "iam")
"""Services of Google's that must be on in the project. They stay on when the stack goes: others may
have begun to use them. (Roles are given by the resource manager.)"""

NODE_ROLES = (
    "roles/artifactregistry.reader",
    "roles/logging.logWriter",
    "roles/monitoring.metricWriter",
    "roles/monitoring.viewer",
    "roles/stackdriver.resourceMetadata.writer",
)
"""What a node has to do itself: pull images, write logs and metrics. Nothing a pod may do."""

NODE_SCOPES = tuple(
    f"https://www.googleapis.com/auth/{scope}"
    for scope in ("devstorage.read_only", "logging.write", "monitoring")
)


class Foundation(pulumi.ComponentResource):
    """What all clusters of a stack share: APIs, network, the nodes' account, ways out."""

    provider: Provider
    network: Network
    account: Account
    """Whom the nodes of all clusters act for."""
    before_nodes: Sequence[pulumi.Resource]
    """What nodes need and does not follow from their inputs: the roles of their account."""

    def __init__(self, name: str, stack: str, gke: GkeSettings) -> None:
        super().__init__("demo:gke:Foundation", name, {"project": gke.project})
        self.stack, self.gke = stack, gke
        self._ways_out: dict[str, pulumi.Resource] = {}
        self.provider = Provider(
            name, project=gke.project, opts=pulumi.ResourceOptions(parent=self)
        )
        enabled = {
            api: Service(
                f"{name}-{api}",
                service=f"{api}.googleapis.com",
                disable_on_destroy=False,
                opts=self.child(),
            )
            for api in APIS
        }
        self.network = Network(
            f"{name}-network",
            name=f"resiliency-{self.stack}",
            auto_create_subnetworks=False,
            # a gateway of one region is reached by those of the others
            routing_mode="GLOBAL",
            opts=self.child(enabled["compute"]),
        )
        self.account = Account(
            f"{name}-nodes",
            account_id=f"gke-nodes-{self.stack}",
            display_name=f"Nodes of the clusters of stack {self.stack}",
            opts=self.child(enabled["iam"]),
        )
        self.before_clusters = [enabled["container"]]
        self.before_nodes = [
            IAMMember(
                f"{name}-nodes-{role.rpartition('/')[2]}",
                project=gke.project,
                role=role,
                member=self.account.member,
                opts=self.child(enabled["cloudresourcemanager"]),
            )
            for role in NODE_ROLES
        ]
        self.register_outputs({})

    def child(self, *before: pulumi.Resource) -> pulumi.ResourceOptions:
        """Return the options of a child: the provider, and what comes before."""
        return self.options(self, *before)

    def options(self, parent: pulumi.Resource, *before: pulumi.Resource) -> pulumi.ResourceOptions:
        """Return the options of any resource: parent, provider, and what comes before."""
        return pulumi.ResourceOptions(
            parent=parent, provider=self.provider, depends_on=list(before)
        )

    def way_out(self, region: str) -> list[pulumi.Resource]:
        """Return what private nodes of a region need to reach the internet; made once a region."""
        if not self.gke.private_nodes:
            return []
        if region not in self._ways_out:
            router = Router(
                f"{region}-router",
                name=f"resiliency-{self.stack}-{region}",
                region=region,
                network=self.network.self_link,
                opts=self.child(),
            )
            self._ways_out[region] = RouterNat(
                f"{region}-nat",
                name=f"resiliency-{self.stack}-{region}",
                region=region,
                router=router.name,
                nat_ip_allocate_option="AUTO_ONLY",
                source_subnetwork_ip_ranges_to_nat="ALL_SUBNETWORKS_ALL_IP_RANGES",
                opts=self.child(),
            )
        return [self._ways_out[region]]
