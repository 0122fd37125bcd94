"""The application's objects as one cluster gets them: the user's documents, and what ours add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.application.cluster_info import cluster_info
from components.routing.exposed_services import headless, with_weight
from components.routing.routes import is_exposed
from components.routing.targets import ApplicationCluster
from components.settings.model import Platform
from components.tetrate.documents import exposed, exposed_namespaces, labelled
from foundation.identity import Identity, identity_of, is_core


def objects(
    documents: Sequence[Mapping[str, Any]],
    member: ApplicationCluster,
    weight: int | None,
    platform: Platform,
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
        name = document["metadata"]["name"]
        if tetrate and is_core(document, "Namespace") and name in namespaces:
            result.append(labelled(document))
        elif not is_exposed(document):
            result.append(dict(document))
        elif tetrate:
            result.append(exposed(document, weight))
        else:
            result += [with_weight(document, weight), headless(document)]
    theirs = {identity_of(document) for document in documents}
    infos = (cluster_info(member.name, member.region, namespace) for namespace in namespaces)
    return result + [info for info in infos if identity_of(info) not in theirs]


def taken(documents: Sequence[Mapping[str, Any]]) -> Identity | None:
    """Return an object of the documents that has a headless twin's name; None if there is none."""
    theirs = {identity_of(document) for document in documents}
    twins = (identity_of(headless(document)) for document in documents if is_exposed(document))
    return next((twin for twin in twins if twin in theirs), None)
