"""The application in one cluster: the user's manifest, and what the gateways need beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components.cluster import Cluster
from components.cluster_info import cluster_info
from components.routes import headless, is_exposed, with_weight
from components.routing import ApplicationCluster, shown_weight
from components.settings import Platform
from components.tetrate.documents import exposed, exposed_namespaces, labelled
from foundation.identity import Identity, identity_of


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
        platform: Platform = Platform.ENVOY,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Registers the documents; returns before the cluster has them.

        `weight` is the cluster's edge weight, None where locality decides.
        """
        props = {
            "cluster": place.name,
            "region": place.region,
            "edgeWeight": shown_weight(weight),
        }
        super().__init__("demo:application:Application", name, props, opts)
        made = objects(documents, place, edge_cluster, weight, platform)
        cluster.register(made, self)
        self.register_outputs({})


def objects(
    documents: Sequence[Mapping[str, Any]],
    place: ApplicationCluster,
    edge_cluster: str,
    weight: int | None,
    platform: Platform = Platform.ENVOY,
) -> list[dict[str, Any]]:
    """Return the documents as one cluster gets them.

    Each exposed Service carries the cluster's weight. Each namespace with one has a ConfigMap that
    says where the pods run, unless the documents have one of that name. For our own gateways a
    Service has a headless twin; for Tetrate's its namespace has their labels.
    """
    result: list[dict[str, Any]] = []
    namespaces = exposed_namespaces(documents)
    tetrate = platform is Platform.TETRATE
    for document in documents:
        kind, name = document["kind"], document["metadata"]["name"]
        if kind == "Namespace" and tetrate and name in namespaces:
            result.append(labelled(document))
        elif not is_exposed(document):
            result.append(dict(document))
        elif tetrate:
            result.append(exposed(document, edge_cluster, weight))
        else:
            result += [with_weight(document, edge_cluster, weight), headless(document)]
    theirs = {identity_of(document) for document in documents}
    infos = (cluster_info(place.name, place.region, namespace) for namespace in namespaces)
    return result + [info for info in infos if identity_of(info) not in theirs]


def taken(documents: Sequence[Mapping[str, Any]]) -> Identity | None:
    """Return an object of the documents that has a headless twin's name; None if there is none."""
    theirs = {identity_of(document) for document in documents}
    twins = (identity_of(headless(document)) for document in documents if is_exposed(document))
    return next((twin for twin in twins if twin in theirs), None)
