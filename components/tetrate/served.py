"""What corp-edge must have before anything is applied: kinds and namespace of the platform.

Read by the cluster's discovery. Pure but for the reader, which is handed in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from components.tetrate.documents import Document
from foundation import managed_fields
from foundation.contract import EDGE_CLUSTER, GATEWAY_NAMESPACE
from foundation.errors import UserError

Raw = Callable[[str, str], str]
"""Gives what a cluster's API server answers to GET of a path. Raises UserError."""

Kind = tuple[str, str]
"""apiVersion and kind."""

_REMEDY = (
    "install Tetrate's platform (its CRDs too) in that cluster, name the cluster that has it, or "
    "./demo pulumi config set platform envoy"
)


def served_kinds(raw: Raw, versions: Collection[str]) -> dict[Kind, str]:
    """Return those kinds of some apiVersions that corp-edge serves, and their names in paths."""
    groups = json.loads(raw(EDGE_CLUSTER, "/apis"))["groups"]
    known = {version["groupVersion"] for group in groups for version in group["versions"]}
    return {
        (version, resource["kind"]): resource["name"]
        for version in versions
        if version in known
        for resource in json.loads(raw(EDGE_CLUSTER, f"/apis/{version}"))["resources"]
        if "/" not in resource["name"]  # a subresource, such as tenants/status
    }


def missing_kinds(documents: Iterable[Document], served: Collection[Kind]) -> str:
    """Return the line that says which kinds of the documents corp-edge lacks; empty for none."""
    missing = [kind for kind in map(_kind, documents) if kind not in served]
    if not missing:
        return ""
    kinds = " and ".join(f"{kind} ({version})" for version, kind in missing)
    return f"{EDGE_CLUSTER} has no {kinds}; {_REMEDY}"


def check(raw: Raw, documents: Sequence[Document]) -> None:
    """Look whether corp-edge can take the platform's objects.

    Raises UserError when their kinds or the platform's namespace are missing, and when one of
    them is there as somebody else's, with other settings.
    """
    served = served_kinds(raw, {document["apiVersion"] for document in documents})
    if missing := missing_kinds(documents, served):
        raise UserError(missing)
    if not _items(raw, "/api/v1/namespaces", GATEWAY_NAMESPACE):
        raise UserError(
            f"{EDGE_CLUSTER} has no namespace {GATEWAY_NAMESPACE}, the platform's own; {_REMEDY}"
        )
    for document in documents:
        plural, metadata = served[_kind(document)], document["metadata"]
        within = f"namespaces/{metadata.get('namespace', 'default')}/{plural}"
        path = f"/apis/{document['apiVersion']}/{within}"
        for live in _items(raw, path, metadata["name"]):
            if keys := contested(document, live):
                raise UserError(
                    f"{EDGE_CLUSTER} has a {document['kind']} {metadata['name']} already, with "
                    f"other {', '.join(keys)}; write what is to stay into its manifest, apply that "
                    "yourself (kubectl apply --filename), then run this again"
                )


def check_namespaces(raw: Raw, names: Iterable[str]) -> None:
    """Look whether corp-edge has the namespaces of Secrets for clients. Raises UserError."""
    for name in sorted({*names}):
        if not _items(raw, "/api/v1/namespaces", name):
            raise UserError(
                f"{EDGE_CLUSTER} has no namespace {name}, where its gateways look for a Secret for"
                f" clients: kubectl create namespace {name}, in that cluster"
            )


def contested(document: Document, live: Mapping[str, Any]) -> list[str]:
    """Return the keys of `spec` that somebody else has set to something else.

    The API server would refuse to have them changed, in the middle of an update.
    """
    managers = [entry["manager"] for entry in managed_fields.entries(live)]
    if any(manager.startswith("pulumi-kubernetes") for manager in managers):
        return []
    wanted, there = document.get("spec") or {}, live.get("spec") or {}
    return [key for key in wanted if key in there and there[key] != wanted[key]]


def _kind(document: Document) -> Kind:
    return document["apiVersion"], document["kind"]


def _items(raw: Raw, path: str, name: str) -> list[Mapping[str, Any]]:
    # A list of one rather than the object itself: that it is not there is then no error.
    return list(
        json.loads(raw(EDGE_CLUSTER, f"{path}?fieldSelector=metadata.name%3D{name}"))["items"]
    )
