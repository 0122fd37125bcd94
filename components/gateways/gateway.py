"""The regional gateway of one application cluster: own pods first, then the other clusters."""

from __future__ import annotations

import pulumi

from components.envoy.gateway_clusters import GatewayConfig
from components.envoy.gateway_config import gateway_files
from components.envoy.pod import EnvoyPods
from components.gateways import envoys
from components.gateways.entrance import Entrance
from components.routing.targets import ApplicationCluster, gateway_targets, passing_on_to
from components.tls.pki import Certificate
from foundation.contract import gateway_san


class Gateway(pulumi.ComponentResource):
    """The Envoys through which requests reach one cluster's application."""

    started_with: pulumi.Output[str]
    """Another text for each update that replaces its pods."""

    def __init__(
        self,
        entrance: Entrance,
        member: ApplicationCluster,
        mesh: envoys.Mesh,
        replicas: int,
    ) -> None:
        props = {"cluster": member.name, "region": member.region, "replicas": replicas}
        super().__init__("demo:gateway:Gateway", member.name, props)

        def files(addresses: dict[str, str]) -> dict[str, str]:
            peers = gateway_targets(member.name, mesh.clusters, addresses, mesh.ports[1])
            return gateway_files(
                GatewayConfig(
                    cluster=member.name,
                    region=member.region,
                    routes=tuple(mesh.routes),
                    peers=tuple(peers),
                    passing_on=tuple(passing_on_to(member.name, mesh.clusters)),
                    profile=mesh.profile,
                    cluster_domain=entrance.cluster.domain,
                )
            )

        pods = EnvoyPods(member.name, replicas=replicas)
        registered = envoys.register(
            entrance,
            self,
            pods,
            pulumi.Output.all(**mesh.addresses).apply(files),
            Certificate(f"{member.name}-mesh", mesh.authority, [gateway_san(member.name)], self),
        )
        envoys.load(entrance, self, registered)
        self.started_with = registered.started_with
        self.register_outputs({})
