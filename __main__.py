"""The demo on one page: settings, clusters, application, gateways, edge, outputs."""

from __future__ import annotations

from pathlib import Path

import pulumi

from components import errors, plan
from components.application import Application
from components.cluster import Cluster
from components.edge import Edge, EdgeArgs
from components.entrance import Entrance
from components.envoys import Mesh
from components.gateway import Gateway
from components.kubeconfig import merge
from components.pki import CertificateAuthority
from components.private_file import PrivateFile
from components.settings import EDGE_CLUSTER

with errors.one_line():
    demo = plan.make(Path(__file__).resolve().parent)
settings = demo.settings

corp_edge = Cluster(EDGE_CLUSTER, settings.edge_region, demo.backend)
clusters = {c.name: Cluster(c.name, c.region, demo.backend) for c in settings.clusters}
exposure = demo.backend.exposure
entrances = {n: Entrance(n, c, exposure) for n, c in ({EDGE_CLUSTER: corp_edge} | clusters).items()}
mesh = Mesh(
    CertificateAuthority("authority", f"multi-cluster-resiliency {settings.stack}"),
    settings.clusters,
    {name: entrances[name].address for name in clusters},
    exposure.gateway_ports,
    demo.routes,
    demo.profile,
    settings.naive_route,
)
for place in settings.clusters:
    cluster, weight = clusters[place.name], settings.edge_weights[place.name]
    Application(place.name, cluster, place, demo.documents, EDGE_CLUSTER, weight)
    Gateway(place.name, entrances[place.name], place, mesh, settings.gateway_replicas)
edge = Edge(EDGE_CLUSTER, EdgeArgs.of(demo, entrances[EDGE_CLUSTER], mesh))

kubeconfigs = {c.name: c.kubeconfig for c in (corp_edge, *clusters.values())}
merged = pulumi.Output.all(**kubeconfigs).apply(lambda texts: merge(texts, EDGE_CLUSTER))
kubeconfig = PrivateFile("kubeconfig", settings.state / "kubeconfig", merged)
PrivateFile("ca.pem", settings.state / "ca.pem", edge.ca_certificate)

pulumi.export("url", edge.url)
pulumi.export("host", edge.host)
if settings.naive_route:
    pulumi.export("naiveUrl", edge.naive_url)
pulumi.export("kubeconfig", kubeconfig.path)
pulumi.export("caCertificate", edge.ca_certificate)
pulumi.export("lbMode", str(settings.lb_mode))
pulumi.export("edgeWeights", settings.edge_weights)
