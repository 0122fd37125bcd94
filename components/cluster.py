"""A Kubernetes cluster, wherever it comes from, and the provider by which objects get into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components import manifest
from components.backends import ClusterBackend, mark

_TIMEOUTS = pulumi.CustomTimeouts(create="3m", update="3m", delete="5m")
"""A namespace is gone only when a cloud has taken back the load balancers in it: minutes."""

_ANSWER_SECONDS = 30
"""How long an API server may take for an answer.

Its schema it makes when first asked for it: two seconds of a processor, of which five clusters that
start on two busy ones have left none for more than ten.
"""

_GOES_AT_ONCE = {"pulumi.com/deletionPropagationPolicy": "background"}
"""On every object that may be deleted by itself.

Otherwise each waits for the cluster's garbage collector, and an object that ends between the look
of Pulumi's provider (4.18) and the start of its watch is waited for until the time is up. What runs
in a namespace is waited for with that.
"""

_FIELD_MANAGER = {"pulumi.com/patchFieldManager": "pulumi-kubernetes-multi-cluster-resiliency"}
"""On every object: in whose name its fields are set, as server-side apply notes it down.

Otherwise Pulumi's provider makes up a name for each creation. What an interrupted update made and
did not note down, or an earlier one left, would stay half that one's: the next update that changes
it would be refused.
"""


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
        # Nobody else's object can be in the way: in a cluster of ours there is none, in another
        # one those that are there already have been looked at.
        ours = made.owned or bool(made.mark)
        self._mark = made.mark
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
            # gone. That is not so in clusters of others.
            skip_update_unreachable=made.owned,
            # What an interrupted update made before it could note it down.
            upsert_existing_objects=ours,
            kube_client_settings=kubernetes.KubeClientSettingsArgs(
                timeout=_ANSWER_SECONDS, qps=100, burst=200
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(made.ready)),
        )
        self.register_outputs({})

    def register(
        self,
        prefix: str,
        documents: Sequence[Mapping[str, Any]],
        parent: pulumi.Resource,
        after: Sequence[pulumi.Resource] = (),
        shared: bool = False,
    ) -> list[manifest.Document]:
        """Registers objects in this cluster as `parent`'s children, see `manifest.register`.

        They come after `after` and go before it, or go with the cluster. What is `shared` with
        others stays when the stack goes, and carries no mark.
        """
        options = pulumi.ResourceOptions(
            parent=parent,
            provider=self.provider,
            deleted_with=self.lives_in,
            depends_on=list(after),
            custom_timeouts=_TIMEOUTS,
            retain_on_delete=shared,
        )
        marks = {mark.ANNOTATION: self._mark} if self._mark else {}
        annotations = _FIELD_MANAGER if shared else {**_FIELD_MANAGER, **_GOES_AT_ONCE, **marks}
        given = [manifest.annotated(document, annotations) for document in documents]
        return manifest.register(prefix, given, options)
