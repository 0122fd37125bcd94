"""The edge on platform `tetrate`: its objects for clients' TLS and resilience, and no Envoy."""

from __future__ import annotations

from typing import Any

import pulumi

from components.clusters import manifest
from components.clusters.cluster import Cluster
from components.gateways.client_tls import client_secrets, issuer
from components.plan import Plan
from components.routing.targets import shown_weight
from components.tls.pki import CertificateAuthority
from foundation.contract import EDGE_CLUSTER


class TetrateEdge(pulumi.ComponentResource):
    """What corp-edge gets; the gateways there are made by the platform.

    Nothing is waited for but that the API server takes the objects: when and how the platform
    follows them is not known here.
    """

    url: str
    """https address of the first route, its path included.

    Its host is the setting `edgeAddress`, without that the route's own: the address of the gateway
    is the platform's to choose.
    """
    host: str
    """External name of the first route."""
    ca_certificate: pulumi.Output[str]
    """PEM of the authority that signed the certificate for clients."""

    def __init__(self, plan: Plan, cluster: Cluster, authority: CertificateAuthority) -> None:
        settings, route = plan.settings, plan.routes[0]
        shown = {n: shown_weight(w) for n, w in settings.edge_weights.items()}
        props: dict[str, Any] = {
            "platform": str(settings.platform),
            "lbMode": str(settings.lb_mode),
            "edgeWeights": shown,
        }
        super().__init__("demo:edge:Edge", EDGE_CLUSTER, props)
        names = plan.backend.edge_names
        secrets = client_secrets(plan.routes, names, plan.secrets, authority, self)
        cluster.register(secrets, self)
        # They stay: the platform may delete a tenant with its object, and all that is in it.
        before: list[manifest.Document] = []
        for document in plan.platform_documents:
            before += cluster.register([document], self, before, shared=True)
        self.host = route.host
        self.ca_certificate = issuer(secrets[0])
        port = f":{plan.backend.https_port}" if names and plan.backend.https_port != 443 else ""
        self.url = f"https://{names[0] if names else route.host}{port}{route.path}"
        self.register_outputs({"url": self.url, "host": self.host})
