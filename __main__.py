"""The demo on one page: settings, clusters, application, gateways, edge, outputs."""

# ruff: noqa: E402

from __future__ import annotations

from pathlib import Path

import pulumi

from foundation import pulumi_process

pulumi_process.prepare_program()  # first: Ctrl-C in the imports below would show a traceback

from components import errors, plan
from components.clusters import kubectl_fields
from components.clusters.application import Application
from components.clusters.cluster import Cluster
from components.clusters.kubeconfig import merge
from components.gateways import platforms
from components.gateways.edge import Edge
from components.private_file import PrivateFile
from components.routing.failback import Failback
from components.tls.pki import CertificateAuthority
from foundation.contract import EDGE_CLUSTER

with errors.one_line():
    demo = plan.make(Path(__file__).resolve().parent)
settings = demo.settings

corp_edge = Cluster(EDGE_CLUSTER, settings.edge_region, demo.backend)
clusters = {c.name: Cluster(c.name, c.region, demo.backend) for c in settings.clusters}
applications = []
for member in settings.clusters:
    cluster, weight = (clusters[member.name], settings.edge_weights[member.name])
    applications.append(Application(cluster, member, demo.documents, weight, settings.platform))
authority = CertificateAuthority("authority", f"multi-cluster-resiliency {settings.stack}")
edge = platforms.edge(demo, corp_edge, clusters, authority, applications)

kubeconfigs = {c.name: c.kubeconfig for c in (corp_edge, *clusters.values())}
merged = pulumi.Output.all(**kubeconfigs).apply(lambda texts: merge(texts, EDGE_CLUSTER))
kubeconfig = PrivateFile("kubeconfig", settings.state / "kubeconfig", merged)
PrivateFile("ca.pem", settings.state / "ca.pem", edge.ca_certificate)

pulumi.export("url", edge.url)
pulumi.export("host", edge.host)
if not isinstance(edge, Edge):
    pulumi.export("platform", str(settings.platform))
pulumi.export("kubeconfig", kubeconfig.path)
pulumi.export("caCertificate", edge.ca_certificate)
pulumi.export("lbMode", str(settings.lb_mode))
pulumi.export("edgeWeights", settings.edge_weights)
pulumi.export("edgePriorities", settings.edge_priorities)
pulumi.export("application", demo.application)
if settings.failback is not Failback.AT_ONCE:
    pulumi.export("failback", str(settings.failback))
    pulumi.export("failbackSeconds", demo.profile.failback_ramp)

if pulumi.runtime.is_dry_run():
    registered = {c.name: c.documents for c in (corp_edge, *clusters.values())}
    kubectl_fields.warn(settings.state / "kubeconfig", registered)

pulumi.run(pulumi_process.begin_to_register)
