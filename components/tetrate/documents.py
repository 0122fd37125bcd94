"""The documents as Tetrate's platform wants them; pure functions.

Services are exposed by their annotations, which its agent follows in namespaces that carry its
labels. A Profile and the Tenant that uses it are objects of the platform itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.routing.annotations import PREFIX
from components.routing.exposed_services import with_weight
from components.routing.routes import is_exposed
from foundation.errors import UserError
from foundation.identity import identity_of, is_core, mapping

Document = Mapping[str, Any]

NAMESPACE_LABELS = {"istio-injection": "enabled", "tetrate.io/rev": "default"}
"""What makes the agent look at a namespace, and its pods have sidecars."""

TENANT = ("tsb.tetrate.io/v2", "Tenant")

_ORGANIZATION = "tsb.tetrate.io/organization"


def exposed(service: Document, weight: int | None) -> dict[str, Any]:
    """Return a copy of an exposed Service with its cluster's edge weight and what cannot lack.

    Left out, `expose` would mean `local` to the platform, and nobody would make a gateway.
    """
    result = with_weight(service, weight)
    notes = result["metadata"]["annotations"]
    notes.setdefault(f"{PREFIX}expose", "global")
    if f"{PREFIX}workload-selector" not in notes:  # then the gateway's pods are the user's own
        notes.setdefault(f"{PREFIX}auto-deploy", "true")
    return result


def labelled(namespace: Document) -> dict[str, Any]:
    """Return a copy of a Namespace with the platform's labels; those that it has stay."""
    metadata = namespace["metadata"]
    labels = {**NAMESPACE_LABELS, **(metadata.get("labels") or {})}
    return {**namespace, "metadata": {**metadata, "labels": labels}}


def exposed_namespaces(documents: Sequence[Document]) -> list[str]:
    """Return the namespaces of the exposed Services."""
    found = [identity_of(d).namespace for d in documents if is_exposed(d)]
    return list(dict.fromkeys(found))


def foreign_namespaces(documents: Sequence[Document]) -> list[str]:
    """Return the namespaces of exposed Services that the manifest does not make, so not label."""
    own = {d["metadata"]["name"] for d in documents if is_core(d, "Namespace")}
    return [name for name in exposed_namespaces(documents) if name not in own]


def check_tenant(
    tenants: Sequence[Document], profile: Document, tenant_file: str, profile_file: str
) -> Document:
    """Return the one Tenant of a file back when it uses the profile.

    Raises UserError with one line that names the file and what to write into it.
    """
    kinds = [(tenant["apiVersion"], tenant["kind"]) for tenant in tenants]
    if kinds != [TENANT]:
        raise UserError(
            f"{tenant_file} holds {len(kinds)} documents, {', '.join(k for _, k in kinds)}; it "
            f"needs one with 'apiVersion: {TENANT[0]}' and 'kind: {TENANT[1]}'"
        )
    (tenant,) = tenants
    organizations = []
    for file, document in ((profile_file, profile), (tenant_file, tenant)):
        found = (document["metadata"].get("annotations") or {}).get(_ORGANIZATION)
        if not found:
            raise UserError(
                f"{file}: {document['kind']} {document['metadata']['name']} has no annotation "
                f"{_ORGANIZATION}; name the organization that it belongs to"
            )
        organizations.append(found)
    wanted = f"organizations/{organizations[0]}/profiles/{profile['metadata']['name']}"
    profiles = mapping(tenant.get("spec")).get("profiles")
    if not isinstance(profiles, list) or wanted not in profiles:
        raise UserError(
            f"{tenant_file}: spec.profiles lacks {wanted}, so nobody would use the profile of "
            f"{profile_file}; add it"
        )
    return tenant
