"""What corp-edge must have before anything is applied: kinds and namespace of the platform.

Read by the cluster's discovery. Pure but for the reader, which is handed in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from components.tetrate.documents import Document
from foundation.errors import UserError

Raw = Callable[[str, str], str]
"""Gives what a cluster's API server answers to GET of a path. Raises UserError."""

Kind = tuple[str, str]
"""apiVersion and kind."""

_REMEDY = (
    "install Tetrate's platform (its CRDs too) in that cluster, name the cluster that has it, or "
    "./demo pulumi config set platform envoy"
)


def served_kinds(raw: Raw, cluster: str, versions: Collection[str]) -> dict[Kind, str]:
    """Return those kinds of some apiVersions that a cluster serves, and their names in paths."""
    groups = json.loads(raw(cluster, "/apis"))["groups"]
    known = {version["groupVersion"] for group in groups for version in group["versions"]}
    return {
        (version, resource["kind"]): resource["name"]
        for version in versions
        if version in known
        for resource in json.loads(raw(cluster, f"/apis/{version}"))["resources"]
        if "/" not in resource["name"]  # a subresource, such as tenants/status
    }


def missing_kinds(cluster: str, documents: Iterable[Document], served: Collection[Kind]) -> str:
    """Return the line that says which kinds of the documents a cluster lacks; empty for none."""
    missing = [kind for kind in map(_kind, documents) if kind not in served]
    if not missing:
        return ""
    kinds = " and ".join(f"{kind} ({version})" for version, kind in missing)
    return f"{cluster} has no {kinds}; {_REMEDY}"


def check(raw: Raw, cluster: str, documents: Sequence[Document], namespace: str) -> None:
    """Look whether a cluster can take the platform's objects.

    Raises UserError when their kinds or the platform's `namespace` are missing, and when one of
    them is there as somebody else's, with other settings.
    """
    served = served_kinds(raw, cluster, {document["apiVersion"] for document in documents})
    if missing := missing_kinds(cluster, documents, served):
        raise UserError(missing)
    if not _items(raw, cluster, "/api/v1/namespaces", namespace):
        raise UserError(f"{cluster} has no namespace {namespace}, the platform's own; {_REMEDY}")
    for document in documents:
        plural, metadata = served[_kind(document)], document["metadata"]
        within = f"namespaces/{metadata.get('namespace', 'default')}/{plural}"
        path = f"/apis/{document['apiVersion']}/{within}"
        for live in _items(raw, cluster, path, metadata["name"]):
            if keys := contested(document, live):
                raise UserError(
                    f"{cluster} has a {document['kind']} {metadata['name']} already, with other "
                    f"{', '.join(keys)}; write what is to stay into its manifest, apply that "
                    "yourself (kubectl apply --filename), then ./demo up"
                )


def contested(document: Document, live: Mapping[str, Any]) -> list[str]:
    """Return the keys of `spec` that somebody else has set to something else.

    The API server would refuse to have them changed, in the middle of an update.
    """
    managers = [entry["manager"] for entry in live["metadata"].get("managedFields") or []]
    if any(manager.startswith("pulumi-kubernetes") for manager in managers):
        return []
    wanted, there = document.get("spec") or {}, live.get("spec") or {}
    return [key for key in wanted if key in there and there[key] != wanted[key]]


def _kind(document: Document) -> Kind:
    return document["apiVersion"], document["kind"]


def _items(raw: Raw, cluster: str, path: str, name: str) -> list[Mapping[str, Any]]:
    # A list of one rather than the object itself: that it is not there is then no error.
    return list(json.loads(raw(cluster, f"{path}?fieldSelector=metadata.name%3D{name}"))["items"])
