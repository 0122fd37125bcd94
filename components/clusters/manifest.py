"""Kubernetes manifests: registering each document as a resource of its own.

One resource a document, as it stands, is what lets a preview show everything before a cluster
exists; no typed Kubernetes modules are imported, which keeps the program's start short.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pulumi

from components.documents import waiting
from components.documents.workload import mappings
from foundation.identity import autoscaled, group_of, identity_of, mapping

_VERSIONS = tuple(
    f"v{major}{stage}"
    for major in (1, 2, 3)
    for stage in ("", *(f"{kind}{minor}" for kind in ("alpha", "beta") for minor in (1, 2, 3)))
)
"""Versions of an API group that a resource's type may name.

Source: https://kubernetes.io/docs/reference/using-api/#api-versioning. Rarer ones count as v1.
"""

_V1_ALONE = {"", "apps", "batch", "policy", "rbac.authorization.k8s.io"}
"""API groups of which every Kubernetes since 1.27, the oldest supported, serves v1 alone.

Each alias costs the program time in every update, and most objects are of these groups.
Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/.
"""

_FIRST = {"Namespace", "CustomResourceDefinition"}
_WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod", "ReplicaSet"}
_TOKEN = "kubernetes.io/service-account-token"  # noqa: S105
"""Type of a Secret that Kubernetes deletes at once where its ServiceAccount is not there yet.

Source: syncSecret in pkg/controller/serviceaccount/tokens_controller.go of k8s.io/kubernetes.
"""

_ASKING = {"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "APIService"}
"""What has API servers ask a Service from then on."""

SECRET_KEYS = {"data", "stringData"}
"""What a Secret hides."""


class Document(pulumi.CustomResource):
    """One Kubernetes object, registered as its document says."""

    metadata: pulumi.Output[Mapping[str, Any]]
    """As its cluster answers, `resourceVersion` included."""

    def __init__(
        self, name: str, document: Mapping[str, Any], opts: pulumi.ResourceOptions
    ) -> None:
        inputs = dict(document)
        if document["kind"] == "Secret":
            secret = pulumi.ResourceOptions(additional_secret_outputs=sorted(SECRET_KEYS))
            opts = pulumi.ResourceOptions.merge(secret, opts)
            # the option covers what the cluster answers; what is sent lies in the state as well
            for key in inputs.keys() & SECRET_KEYS:
                given = inputs[key] or {}
                inputs[key] = (
                    {part: pulumi.Output.secret(value) for part, value in given.items()}
                    if isinstance(given, Mapping)
                    else pulumi.Output.secret(given)  # of a custom kind
                )
        super().__init__(resource_type(document), name, inputs, opts)


def register(
    cluster: str, documents: Sequence[Mapping[str, Any]], opts: pulumi.ResourceOptions
) -> list[Document]:
    """Register documents in the order in which a cluster needs them.

    Namespaces and resource definitions come first, then the rest, workloads and tokens of
    ServiceAccounts, what asks these, and what an APIService of the manifest serves. `opts` goes to
    each of them. Each resource is named by its object's identity alone, see `resource_name`.
    """
    scaled = autoscaled(documents)
    registered: list[Document] = []
    before: list[Document] = []
    for stage in _stages(documents):
        current = []
        for document in stage:
            own = pulumi.ResourceOptions(
                depends_on=before,
                aliases=[pulumi.Alias(type_=token) for token in former_types(document)],
                ignore_changes=["spec.replicas"] if identity_of(document) in scaled else None,
                custom_timeouts=waiting.timeouts(document),
                # By name there is one object: a new one before the old one's deletion (`--replace`)
                # would be deleted with it.
                delete_before_replace=True,
            )
            options = pulumi.ResourceOptions.merge(opts, own)
            current.append(Document(resource_name(cluster, document), document, options))
        before = current or before
        registered += current
    return registered


def resource_name(cluster: str, document: Mapping[str, Any]) -> str:
    """Return `<cluster>/<namespace>/<name>`, or `<cluster>/<name>` for what is in no namespace.

    No name of Kubernetes has a slash in it, and the kind is in the resource's type: so no two
    objects share a name, whatever else the manifest holds.
    """
    identity = identity_of(document)
    return "/".join(filter(None, (cluster, identity.namespace, identity.name)))


def resource_type(document: Mapping[str, Any]) -> str:
    """Return the type of the document's resource, such as `kubernetes:apps/v1:Deployment`.

    Its version is the document's, where Kubernetes' rules of naming versions allow for it, else
    the group's v1: a type must be among those that `former_types` knows. Pulumi's provider goes by
    the `apiVersion` of the inputs, and by the type's only for a warning.
    """
    version = document["apiVersion"].rpartition("/")[2]
    return _type(document, version if version in _versions(document) else "v1")


def former_types(document: Mapping[str, Any]) -> list[str]:
    """Return the types that the same object has in other versions of its API group.

    A resource that was registered by one of them is this one: Pulumi then updates it in place. As
    two resources, one would be made and the other deleted after it, which is the same object.
    """
    own = resource_type(document)
    every = (_type(document, version) for version in _versions(document))
    return [token for token in every if token != own]


def _versions(document: Mapping[str, Any]) -> tuple[str, ...]:
    return ("v1",) if group_of(document) in _V1_ALONE else _VERSIONS


def _type(document: Mapping[str, Any], version: str) -> str:
    return f"kubernetes:{group_of(document) or 'core'}/{version}:{document['kind']}"


def annotated(document: Mapping[str, Any], notes: Mapping[str, str]) -> dict[str, Any]:
    """Return a copy of the document with further annotations; without any, as it is."""
    if not notes:
        return dict(document)
    metadata = document["metadata"]
    annotations = {**(metadata.get("annotations") or {}), **notes}
    return {**document, "metadata": {**metadata, "annotations": annotations}}


def _stages(documents: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    documents = list(documents)
    services = {
        (each.namespace, each.name)
        for each in map(identity_of, documents)
        if (each.group, each.kind) == ("", "Service")
    }
    asked = [(each, bool(services & set(_asked(each)))) for each in documents]
    served = {_served(each) for each, asks in asked if asks and each["kind"] == "APIService"}
    stages: list[list[Mapping[str, Any]]] = [[], [], [], [], []]
    for document, asks in asked:
        kind = document["kind"]
        if document["apiVersion"] in served:
            stages[4].append(document)
        elif kind in _FIRST:
            stages[0].append(document)
        else:
            late = kind in _WORKLOADS or (kind == "Secret" and document.get("type") == _TOKEN)
            stages[2 if late else 3 if asks else 1].append(document)
    return stages


def _served(service: Mapping[str, Any]) -> str:
    spec = service.get("spec") or {}
    return f"{spec.get('group')}/{spec.get('version')}"


def _asked(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield namespace and name of each Service that API servers ask because of a document."""
    if document["kind"] not in _ASKING:
        return
    asking = [mapping(document.get("spec"))]
    asking += [mapping(each.get("clientConfig")) for each in mappings(document.get("webhooks"))]
    for each in asking:
        service = mapping(each.get("service"))
        yield str(service.get("namespace")), str(service.get("name"))
