"""A Kubernetes cluster, wherever it comes from, and the provider by which objects get into it."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes

from components.backends import ClusterBackend


class Cluster(pulumi.ComponentResource):
    """A cluster made by a backend; its product is `provider`."""

    name: str
    provider: kubernetes.Provider
    kubeconfig: pulumi.Output[str]
    """Secret text of one context."""
    gateway_address: pulumi.Input[str] | None
    """Where this one's gateway is reached from outside; None: at what its Service's status says."""
    lives_in: pulumi.Resource | None
    """The resource with which all objects of the cluster are gone."""

    def __init__(
        self,
        name: str,
        region: str,
        backend: ClusterBackend,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("demo:cluster:Cluster", name, {"region": region}, opts)
        made = backend.make(name, self)
        ours = made.owned
        self.name = name
        self.kubeconfig = pulumi.Output.secret(made.kubeconfig)
        self.gateway_address = made.gateway_address
        self.lives_in = made.lives_in
        self.provider = kubernetes.Provider(
            name,
            kubeconfig=self.kubeconfig,
            # The same for as long as the objects are there: a new kubeconfig replaces nothing, a
            # cluster made anew gets everything again.
            cluster_identifier=made.identity,
            enable_config_map_mutable=True,
            enable_secret_mutable=True,
            # In a refresh, a cluster without power is drift of the cluster: what is in it is not
            # gone. And what an interrupted update made before it could note it down is ours.
            # Neither is so in clusters of others.
            skip_update_unreachable=ours,
            upsert_existing_objects=ours,
            kube_client_settings=kubernetes.KubeClientSettingsArgs(timeout=10, qps=100, burst=200),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(made.ready)),
        )
        self.register_outputs({})

    def options(self, parent: pulumi.Resource) -> pulumi.ResourceOptions:
        """Gives the options of an object in this cluster: its provider, and gone with it."""
        return pulumi.ResourceOptions(
            parent=parent, provider=self.provider, deleted_with=self.lives_in
        )
