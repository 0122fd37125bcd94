"""The way into a cluster: the gateways' namespace and their Service, there before any Envoy.

Every Envoy's configuration holds the addresses of the other clusters' Services, so all of these
come first.
"""

from __future__ import annotations

import pulumi

from components.clusters.cluster import Cluster
from components.envoy.objects import namespace
from components.envoy.pod import EnvoyPods, envoy_service
from components.gateways.address import Address
from components.settings.exposure import Exposure, ExposureKind


class Entrance(pulumi.ComponentResource):
    """Namespace and Service of one cluster's gateway; its product is `address`."""

    cluster: Cluster
    address: pulumi.Input[str]
    """Where the Service is reached from outside the cluster."""
    is_waited_for: bool
    """Whether the address is that of a load balancer that the cluster gives."""
    namespace: pulumi.Resource
    """Comes before all that is in it, and goes after it."""

    def __init__(self, cluster: Cluster, exposure: Exposure) -> None:
        name = cluster.name
        super().__init__("demo:entrance:Entrance", name, {"exposure": str(exposure.kind)})
        self.cluster = cluster
        given = cluster.gateway_address
        self.is_waited_for = given is None
        pods = EnvoyPods(name)
        service = envoy_service(
            pods,
            type=exposure.service_type,
            node_ports=exposure.node_ports if exposure.kind is ExposureKind.NODE_PORT else (),
            external_ips=[given] if exposure.kind is ExposureKind.EXTERNAL_IPS else (),
            annotations=None if pods.edge else exposure.gateway_annotations,
        )
        self.namespace, registered = cluster.register([namespace(), service], self)
        if given is not None:
            self.address = given
        else:
            self.address = Address(
                f"{name}-address",
                name,
                cluster.kubeconfig,
                registered,
                self,
            ).address
        self.register_outputs({})
