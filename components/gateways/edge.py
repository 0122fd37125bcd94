"""The edge: TLS for clients, and the share of their requests that each application cluster gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi

from components.envoy.common import edge_san
from components.envoy.edge_clusters import EdgeConfig
from components.envoy.edge_config import edge_files
from components.envoy.pod import EnvoyPods
from components.envoy.xds import VERSION_FILE
from components.gateways import envoys
from components.gateways.answer import DEADLINE, DEADLINE_OF_OTHERS, Answer
from components.gateways.client_tls import client_secrets, issuer
from components.gateways.entrance import Entrance
from components.gateways.gateway import Gateway
from components.gateways.trigger import FailbackTrigger
from components.plan import Plan
from components.routing.failback import Failback
from components.routing.targets import edge_priorities, edge_targets, shown_weight
from components.tls.pki import Certificate
from foundation.contract import EDGE_CLUSTER


class Edge(pulumi.ComponentResource):
    """The Envoys that clients talk to; ready when the first route answers through them."""

    url: pulumi.Output[str]
    """https address of the first route, its path included."""
    host: str
    """External name of the first route."""
    ca_certificate: pulumi.Output[str]
    """PEM of the authority that signed the certificate for clients."""

    def __init__(
        self,
        plan: Plan,
        entrance: Entrance,
        mesh: envoys.Mesh,
        gateways: Sequence[Gateway],
        applications: Sequence[pulumi.Resource],
    ) -> None:
        """Register the edge behind `entrance`.

        `gateways` and `applications` are ready before the first request: one that cannot answer yet
        would be ejected for seconds.
        """
        settings = plan.settings
        weights, region = settings.edge_weights, settings.edge_region
        # by which clients reach it, besides the routes' hosts; the first one is in the URL
        addresses = plan.backend.edge_names or (entrance.address,)
        https_port = plan.backend.https_port
        shown = {n: shown_weight(w) for n, w in weights.items()}
        props: dict[str, Any] = {"lbMode": str(settings.lb_mode), "edgeWeights": shown}
        if settings.failback is not Failback.AT_ONCE:
            props["failback"] = str(settings.failback)
        super().__init__("demo:edge:Edge", EDGE_CLUSTER, props)
        route = mesh.routes[0]

        def files(known: dict[str, Any]) -> dict[str, str]:
            port = mesh.ports[0]
            targets = edge_targets(weights, mesh.clusters, known["addresses"], region, port)
            return edge_files(
                EdgeConfig(
                    routes=tuple(mesh.routes),
                    targets=tuple(targets),
                    profile=mesh.profile,
                    own_addresses=tuple(known["names"]),
                    https_port=https_port,
                    failback=settings.failback,
                    failback_trigger=" ".join(known["told"]),
                )
            )

        told: list[pulumi.Output[str]] = []
        if settings.failback is Failback.MANUAL:
            # a pod that ends fails its checks: who is replaced by an update is brought back by it
            replaced = (gateway.started_with for gateway in gateways)
            told = [FailbackTrigger(f"{EDGE_CLUSTER}-failback", self).text, *replaced]
        data = pulumi.Output.all(
            addresses=mesh.addresses,
            names=list(addresses),
            told=told,
        ).apply(files)
        secrets = client_secrets(mesh.routes, addresses, plan.secrets, mesh.authority, self)
        names = tuple(secret["metadata"]["name"] for secret in secrets)
        pods = EnvoyPods(EDGE_CLUSTER, names, settings.edge_replicas)
        # one that is not ready at the edge's first look is held back then
        held = [*gateways, *applications] if told else []
        registered = envoys.register(
            entrance,
            self,
            pods,
            data,
            Certificate(f"{EDGE_CLUSTER}-mesh", mesh.authority, [edge_san(EDGE_CLUSTER)], self),
            secrets,
            held,
        )
        version = data.apply(lambda known: known[VERSION_FILE])
        loaded = envoys.load(entrance, self, registered, version)
        port = "" if https_port == 443 else f":{https_port}"
        self.host = route.host
        self.ca_certificate = issuer(secrets[0])
        self.url = pulumi.Output.concat("https://", addresses[0], port, route.path)
        Answer(
            f"{EDGE_CLUSTER}-answer",
            self.url,
            self.host,
            self.ca_certificate,
            pulumi.Output.concat(registered.started_with, "-", version),
            edge_priorities(weights, mesh.clusters, region)[0],
            DEADLINE_OF_OTHERS if entrance.is_waited_for else DEADLINE,
            pulumi.ResourceOptions(
                parent=self,
                # who is slow to be ready has time-outs of its own
                depends_on=[registered.deployment, loaded, *gateways, *applications],
            ),
        )
        self.register_outputs({"url": self.url, "host": self.host})
