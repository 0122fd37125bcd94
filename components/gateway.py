"""The regional gateway of one application cluster: own pods first, then the other clusters."""

from __future__ import annotations

import pulumi

from components import envoys
from components.entrance import DEPLOYMENT, NAMESPACE, Entrance
from components.envoy.common import gateway_san
from components.envoy.gateway import GatewayConfig, gateway_files
from components.envoy.pod import EnvoyPods
from components.pki import Certificate
from components.routing import ApplicationCluster, gateway_targets
from components.settings import EDGE_CLUSTER


class Gateway(pulumi.ComponentResource):
    """The Envoys through which requests reach one cluster's application."""

    def __init__(
        self,
        name: str,
        entrance: Entrance,
        place: ApplicationCluster,
        mesh: envoys.Mesh,
        replicas: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {"cluster": place.name, "region": place.region, "replicas": replicas}
        super().__init__("demo:gateway:Gateway", name, props, opts)

        def files(addresses: dict[str, str]) -> dict[str, str]:
            peers = gateway_targets(place.name, mesh.clusters, addresses, mesh.ports[1])
            return gateway_files(
                GatewayConfig(
                    cluster=place.name,
                    region=place.region,
                    routes=tuple(mesh.routes),
                    peers=tuple(peers),
                    profile=mesh.profile,
                    edge=EDGE_CLUSTER,
                    naive_route=mesh.naive_route,
                )
            )

        child = pulumi.ResourceOptions(parent=self)
        envoys.register(
            name,
            entrance,
            self,
            EnvoyPods(
                name=DEPLOYMENT,
                namespace=NAMESPACE,
                cluster=place.name,
                region=place.region,
                checksum="",
                edge=False,
                replicas=replicas,
            ),
            pulumi.Output.all(**mesh.addresses).apply(files),
            Certificate(f"{name}-mesh", mesh.authority, [gateway_san(place.name)], child),
        )
        self.register_outputs({})
