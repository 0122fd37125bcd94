"""A Kubernetes cluster, wherever it comes from, and the provider by which objects get into it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.backends import mark
from components.backends.protocol import ClusterBackend
from components.clusters import manifest
from components.documents import waiting
from foundation.contract import PROVIDER_RELEASE
from toolchain.patience import scaled

_ANSWER_SECONDS = 30
"""How long an API server may take for an answer.

Its schema it makes when first asked for it: two seconds of a processor, of which five clusters that
start on two busy ones have left none for more than ten. An emulated machine took over thirty.
"""

_FIELD_MANAGER = {"pulumi.com/patchFieldManager": "pulumi-kubernetes-multi-cluster-resiliency"}
"""On every object: the field manager of its server-side apply.

Otherwise the provider makes up a name for each creation. Objects of an interrupted update would
keep that other field manager, and the next apply would conflict with it.
"""

_DEFAULTS = {
    # What `kubectl scale`, `kubectl patch` or an autoscaler has set is no reason to fail: the next
    # update that changes the object sets the stack's value again.
    "pulumi.com/patchForce": "true",
    # A deletion does not wait for the cluster's garbage collector, which may be busy or down.
    "pulumi.com/deletionPropagationPolicy": "background",
}
"""On every object of the stack's own, unless its document says otherwise."""


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
    domain: str
    """Below which its DNS has Services."""
    documents: list[dict[str, Any]]
    """What was registered in it and goes with the stack, in its order."""

    def __init__(self, name: str, region: str, backend: ClusterBackend) -> None:
        super().__init__("demo:cluster:Cluster", name, {"region": region})
        made = backend.make(name, self)
        # Nobody else's object can be in the way: in a cluster of ours there is none, in another
        # one those that are there already have been looked at.
        ours = made.owned or bool(made.mark)
        self._mark = made.mark
        self.name = name
        self.kubeconfig = pulumi.Output.secret(made.kubeconfig)
        self.gateway_address = made.gateway_address
        self.lives_in = made.lives_in
        self.domain = made.domain
        self.documents = []
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
                timeout=math.ceil(scaled(_ANSWER_SECONDS)), qps=100, burst=200
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(made.ready),
                # that of the provider built here, if one was; else the SDK's own release
                version=os.environ.get(PROVIDER_RELEASE),
            ),
        )
        self.register_outputs({})

    def register(
        self,
        documents: Sequence[Mapping[str, Any]],
        parent: pulumi.Resource,
        after: Sequence[pulumi.Resource] = (),
        shared: bool = False,
    ) -> list[manifest.Document]:
        """Register objects in this cluster as `parent`'s children, see `manifest.register`.

        They come after `after` and go before it, or go with the cluster. What is `shared` with
        others stays when the stack goes, and carries no mark.
        """
        options = pulumi.ResourceOptions(
            parent=parent,
            provider=self.provider,
            deleted_with=self.lives_in,
            depends_on=list(after),
            retain_on_delete=shared,
        )
        given = [self._annotated(document, shared) for document in documents]
        self.documents += [] if shared else given
        return manifest.register(self.name, given, options)

    def _annotated(self, document: Mapping[str, Any], shared: bool) -> dict[str, Any]:
        own = document["metadata"].get("annotations") or {}
        notes = {**_FIELD_MANAGER, **waiting.await_annotations(document)}
        if not shared:
            notes |= {key: text for key, text in _DEFAULTS.items() if key not in own}
            notes |= {mark.ANNOTATION: self._mark} if self._mark else {}
        return manifest.annotated(document, notes)
