"""The edge: TLS for clients, and the share of their requests that each application cluster gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.envoy.common import edge_san
from components.envoy.edge_clusters import EdgeConfig
from components.envoy.edge_config import edge_files
from components.envoy.pod import SELECTOR, EnvoyPods
from components.envoy.xds import VERSION_FILE
from components.gateways import envoys
from components.gateways.answer import DEADLINE, DEADLINE_OF_OTHERS, Answer
from components.gateways.client_tls import client_secrets, issuer
from components.gateways.entrance import Entrance
from components.gateways.gateway import Gateway
from components.gateways.loaded import Loaded
from components.plan import Plan
from components.routing.failback import Failback
from components.routing.targets import LbMode, edge_priorities, edge_targets, shown_weight
from components.tls.pki import Certificate
from foundation.contract import EDGE_CLUSTER, GATEWAY_NAMESPACE


@dataclass(frozen=True)
class EdgeArgs:
    """What an edge is made from."""

    entrance: Entrance
    region: str
    mesh: envoys.Mesh
    lb_mode: LbMode
    weights: Mapping[str, int | None]
    """Edge weight of each application cluster; None where locality decides."""
    names: Sequence[pulumi.Input[str]]
    """Names and addresses, besides the routes' hosts, at which clients reach the edge; one or more.

    The first one is in the URL.
    """
    https_port: int
    """Port at which clients reach the edge."""
    replicas: int
    secrets: Sequence[Mapping[str, Any]]
    """Documents of Secrets for clients' TLS; those without a certificate get one of ours."""
    gateways: Sequence[Gateway]
    """Ready before the first request: one that cannot answer yet would be ejected for seconds."""
    applications: Sequence[pulumi.Resource]
    failback: Failback
    failback_trigger: str

    @staticmethod
    def of(
        plan: Plan,
        entrance: Entrance,
        mesh: envoys.Mesh,
        gateways: Sequence[Gateway],
        applications: Sequence[pulumi.Resource],
    ) -> EdgeArgs:
        """Return the arguments that follow from a plan."""
        settings = plan.settings
        return EdgeArgs(
            entrance=entrance,
            region=settings.edge_region,
            mesh=mesh,
            lb_mode=settings.lb_mode,
            weights=settings.edge_weights,
            names=plan.backend.edge_names or (entrance.address,),
            https_port=plan.backend.https_port,
            replicas=settings.edge_replicas,
            secrets=plan.secrets,
            gateways=gateways,
            applications=applications,
            failback=settings.failback,
            failback_trigger=settings.failback_trigger,
        )

    @property
    def first(self) -> Sequence[pulumi.Resource]:
        """What is ready before the edge looks: one that is not at its first look is held back."""
        held = self.failback is Failback.MANUAL
        return [*self.gateways, *self.applications] if held else []


class Edge(pulumi.ComponentResource):
    """The Envoys that clients talk to; ready when the first route answers through them."""

    url: pulumi.Output[str]
    """https address of the first route, its path included."""
    host: str
    """External name of the first route."""
    ca_certificate: pulumi.Output[str]
    """PEM of the authority that signed the certificate for clients."""

    def __init__(
        self, name: str, args: EdgeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        shown = {n: shown_weight(w) for n, w in args.weights.items()}
        props: dict[str, Any] = {"lbMode": str(args.lb_mode), "edgeWeights": shown}
        if args.failback is not Failback.AT_ONCE:
            props["failback"] = str(args.failback)
        super().__init__("demo:edge:Edge", name, props, opts)
        mesh = args.mesh
        route = mesh.routes[0]

        def files(known: dict[str, Any]) -> dict[str, str]:
            addresses, port = known["addresses"], mesh.ports[0]
            targets = edge_targets(args.weights, mesh.clusters, addresses, args.region, port)
            return edge_files(
                EdgeConfig(
                    routes=tuple(mesh.routes),
                    targets=tuple(targets),
                    profile=mesh.profile,
                    name=EDGE_CLUSTER,
                    own_addresses=tuple(known["names"]),
                    https_port=args.https_port,
                    failback=args.failback,
                    failback_trigger=args.failback_trigger,
                )
            )

        child = pulumi.ResourceOptions(parent=self)
        data = pulumi.Output.all(addresses=mesh.addresses, names=list(args.names)).apply(files)
        secrets = client_secrets(name, mesh.routes, args.names, args.secrets, mesh.authority, self)
        names = tuple(secret["metadata"]["name"] for secret in secrets)
        pods = EnvoyPods(EDGE_CLUSTER, names, args.replicas)
        registered = envoys.register(
            name,
            args.entrance,
            self,
            pods,
            data,
            Certificate(f"{name}-mesh", mesh.authority, [edge_san(EDGE_CLUSTER)], child),
            secrets,
            args.first,
        )
        version = data.apply(lambda known: known[VERSION_FILE])
        cluster = args.entrance.cluster
        loaded = Loaded(
            f"{name}-loaded",
            cluster.name,
            cluster.kubeconfig,
            GATEWAY_NAMESPACE,
            SELECTOR,
            version,
            registered.files_version,
            registered.certificates,
            pulumi.ResourceOptions(parent=self, depends_on=[registered.deployment]),
        )
        port = "" if args.https_port == 443 else f":{args.https_port}"
        self.host = route.host
        self.ca_certificate = issuer(secrets[0])
        self.url = pulumi.Output.concat("https://", args.names[0], port, route.path)
        Answer(
            f"{name}-answer",
            self.url,
            self.host,
            self.ca_certificate,
            pulumi.Output.concat(registered.started_with, "-", version),
            edge_priorities(args.weights, mesh.clusters, args.region)[0],
            DEADLINE_OF_OTHERS if args.entrance.is_waited_for else DEADLINE,
            pulumi.ResourceOptions(
                parent=self,
                # who is slow to be ready has time-outs of its own
                depends_on=[registered.deployment, loaded, *args.gateways, *args.applications],
            ),
        )
        self.register_outputs({"url": self.url, "host": self.host})
