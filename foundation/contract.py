"""Names that more than one package relies on, and that users see; imports nothing."""

from __future__ import annotations

EDGE_CLUSTER = "corp-edge"
"""Name of the cluster with the edge; `gateway.tetrate.io/edge-clusters` names it."""

GATEWAY_NAMESPACE = "tetrate-system"
"""Namespace of the gateways, in every cluster; nothing else may be in it."""

GATEWAY_NAME = "gateway"
"""Name of the gateways' Deployment and Service, in every cluster."""

GATEWAY_SELECTOR = f"app.kubernetes.io/name={GATEWAY_NAME}"
"""Label of the gateways' pods, as kubectl selects by it."""

MESH_SECRET = "gateway-mesh"  # noqa: S105  a name, no secret
"""Name of the gateways' Secret for mutual TLS, in every cluster."""

CLUSTER_DOMAIN = "cluster.local"
"""Domain below which a cluster's DNS has its Services, unless somebody chose another."""

FAILBACK_TRIGGER = "FailbackTrigger"
"""Type of the resource whose replacement brings back what failback manual holds back."""

USER_KUBECONFIG = "DEMO_USER_KUBECONFIG"
"""Environment variable: the user's own KUBECONFIG, for a backend that uses clusters named in it."""

MARK_ANNOTATION = "resiliency.demo/stack"
"""On every object in clusters of others: whose it is."""

KILLED_FILE = "killed"
"""Beside a stack's files while nobody has compared objects since an update of it was killed."""

FAULTS_FILE = "faults.json"
"""File in a stack's private folder: the faults that are in force, as JSON."""

DRILL_LOCK = "drill.lock"
"""File in a stack's private folder: a drill that runs holds its lock."""

RUN_PROGRAM = "PULUMI_RUN_PROGRAM"
"""Pulumi's own variable for the option `--run-program` of destroy and refresh."""

PROVIDER_RELEASE = "DEMO_KUBERNETES_PROVIDER"
"""Environment variable: the Kubernetes provider's release to ask for; unset, that of the SDK."""


def gateway_san(cluster: str) -> str:
    """Give the DNS name that the mesh certificate of the gateways of `cluster` must carry."""
    return f"gateway.{cluster}.mesh"


INGRESS_PORT = 15443
"""Port at which a gateway takes the edge's requests; its Service has the same one."""

PEER_PORT = 15444
"""Port at which a gateway takes other gateways' requests; its Service has the same one."""

ADMIN_PORT = 9901
"""Port of Envoy's admin interface, on the loopback of each pod."""
