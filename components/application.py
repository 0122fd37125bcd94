"""The application in one cluster: the user's manifest, and what the gateways need beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components import manifest
from components.cluster import Cluster
from components.cluster_info import cluster_info
from components.routes import headless, is_exposed, with_weight
from components.routing import ApplicationCluster


class Application(pulumi.ComponentResource):
    """Every document of the manifest in one cluster; its Services carry the cluster's weight."""

    def __init__(
        self,
        name: str,
        cluster: Cluster,
        place: ApplicationCluster,
        documents: Sequence[Mapping[str, Any]],
        edge_cluster: str,
        weight: int | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Registers the documents; returns before the cluster has them.

        `weight` is the cluster's edge weight, None where locality decides.
        """
        shown = "locality" if weight is None else weight
        props = {"cluster": place.name, "region": place.region, "edgeWeight": shown}
        super().__init__("demo:application:Application", name, props, opts)
        cluster.register(name, objects(documents, place, edge_cluster, weight), self)
        self.register_outputs({})


def objects(
    documents: Sequence[Mapping[str, Any]],
    place: ApplicationCluster,
    edge_cluster: str,
    weight: int | None,
) -> list[dict[str, Any]]:
    """Gives the documents as one cluster gets them.

    Each exposed Service carries the cluster's weight and has a headless twin; each namespace with
    one has a ConfigMap that says where the pods run. No Service is waited for: workloads are, and
    the edge's answer is what proves the rest.
    """
    result: list[dict[str, Any]] = []
    namespaces: list[str] = []
    for document in documents:
        if document["kind"] != "Service":
            result.append(dict(document))
        elif not is_exposed(document):
            result.append(manifest.unawaited(document))
        else:
            result.append(manifest.unawaited(with_weight(document, edge_cluster, weight)))
            result.append(manifest.unawaited(headless(document)))
            namespaces.append(document["metadata"].get("namespace", "default"))
    for namespace in dict.fromkeys(namespaces):
        result.append(cluster_info(place.name, place.region, namespace))
    return result
