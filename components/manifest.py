"""Kubernetes manifests: reading them, and registering each document as a resource of its own.

One resource a document, as it stands, is what lets a preview show everything before a cluster
exists; no typed Kubernetes modules are imported, which keeps the program's start short.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import yaml

from components import waiting
from components.errors import DemoError
from foundation.identity import autoscaled, group_of, identity_of
from toolchain import quick_yaml

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
_LAST = {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod", "ReplicaSet"}

SECRET_KEYS = {"data", "stringData"}
"""What a Secret hides."""


class ManifestError(DemoError):
    """A manifest that cannot be used; the text names file and document, for people."""


class Document(pulumi.CustomResource):
    """One Kubernetes object, registered as its document says."""

    def __init__(
        self, name: str, document: Mapping[str, Any], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        inputs = dict(document)
        if document["kind"] == "Secret":
            secret = pulumi.ResourceOptions(additional_secret_outputs=sorted(SECRET_KEYS))
            opts = pulumi.ResourceOptions.merge(secret, opts)
            # the option covers what the cluster answers; what is sent lies in the state as well
            for key in inputs.keys() & SECRET_KEYS:
                values = (inputs[key] or {}).items()
                inputs[key] = {part: pulumi.Output.secret(value) for part, value in values}
        super().__init__(resource_type(document), name, inputs, opts)


def load(path: Path) -> list[dict[str, Any]]:
    """Reads all documents of a manifest, in their order; a List counts as its items.

    Raises ManifestError, which names the file and the document, counted from 1.
    """
    file = shown(path)
    try:
        parsed = quick_yaml.load_all(path.read_text())
    except OSError as error:
        raise ManifestError(f"{file} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ManifestError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    documents: list[dict[str, Any]] = []
    for number, document in enumerate(parsed, start=1):
        if document is not None:
            documents += _checked(document, f"{file}, document {number}")
    if not documents:
        raise ManifestError(f"{file} holds no Kubernetes object")
    counted = Counter(map(identity_of, documents))
    if repeated := next((each for each, count in counted.items() if count > 1), None):
        words = (repeated.kind, repeated.name, repeated.namespace)
        raise ManifestError(f"{file} holds {' '.join(filter(None, words))} twice")
    return documents


def shown(path: Path) -> str:
    """Gives the path as people type it: relative to the current folder, the project's."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def register(
    cluster: str, documents: Sequence[Mapping[str, Any]], opts: pulumi.ResourceOptions
) -> list[Document]:
    """Register documents in the order in which a cluster needs them.

    Namespaces and resource definitions come first, workloads last; `opts` goes to each of them.
    Each resource is named by its object's identity alone, see `resource_name`.
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
    """Gives a copy of the document with further annotations; without any, as it is."""
    if not notes:
        return dict(document)
    metadata = document["metadata"]
    annotations = {**(metadata.get("annotations") or {}), **notes}
    return {**document, "metadata": {**metadata, "annotations": annotations}}


def _stages(documents: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    stages: list[list[Mapping[str, Any]]] = [[], [], []]
    for document in documents:
        kind = document["kind"]
        stages[0 if kind in _FIRST else 2 if kind in _LAST else 1].append(document)
    return stages


def _checked(document: object, where: str) -> list[dict[str, Any]]:
    if not isinstance(document, dict):
        raise ManifestError(f"{where} is not a Kubernetes object; it needs apiVersion and kind")
    for key in ("apiVersion", "kind"):
        if not isinstance(document.get(key), str):
            raise ManifestError(f"{where} has no {key}; add it")
    if document["kind"] == "List":
        items = document.get("items") or []
        return [o for i, item in enumerate(items, 1) for o in _checked(item, f"{where}, item {i}")]
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise ManifestError(f"{where} ({document['kind']}) has no metadata.name; add it")
    try:
        json.dumps(document, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ManifestError(
            f"{where} ({document['kind']} {metadata['name']}) holds a value that Kubernetes does "
            f"not know: {error}; put it in quotes"
        ) from None
    return [document]
