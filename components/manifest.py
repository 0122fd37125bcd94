"""Kubernetes manifests: registering each document as a resource of its own.

One resource a document, as it stands, is what lets a preview show everything before a cluster
exists; no typed Kubernetes modules are imported, which keeps the program's start short.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pulumi

_FIRST = {"Namespace", "CustomResourceDefinition"}
_LAST = {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod", "ReplicaSet"}

SECRET_KEYS = {"data", "stringData"}
"""What a Secret hides."""

SKIP_AWAIT = "pulumi.com/skipAwait"
"""Annotation by which Pulumi's provider does not wait for an object to be ready."""


class Document(pulumi.CustomResource):
    """One Kubernetes object, registered as its document says."""

    def __init__(
        self, name: str, document: Mapping[str, Any], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        version, kind = document["apiVersion"], document["kind"]
        group = version if "/" in version else f"core/{version}"
        inputs = dict(document)
        if kind == "Secret":
            secret = pulumi.ResourceOptions(additional_secret_outputs=sorted(SECRET_KEYS))
            opts = pulumi.ResourceOptions.merge(secret, opts)
            # the option covers what the cluster answers; what is sent lies in the state as well
            for key in inputs.keys() & SECRET_KEYS:
                values = (inputs[key] or {}).items()
                inputs[key] = {part: pulumi.Output.secret(value) for part, value in values}
        super().__init__(f"kubernetes:{group}:{kind}", name, inputs, opts)


def register(
    prefix: str, documents: Sequence[Mapping[str, Any]], opts: pulumi.ResourceOptions
) -> list[Document]:
    """Registers documents in the order in which a cluster needs them.

    Namespaces and resource definitions first, workloads last; `opts` goes to each of them.
    Resources are called `<prefix>-<name>`.
    """
    count = Counter((d["apiVersion"], d["kind"], d["metadata"]["name"]) for d in documents)
    registered: list[Document] = []
    before: list[Document] = []
    for stage in _stages(documents):
        current = []
        for document in stage:
            metadata = document["metadata"]
            unique = count[document["apiVersion"], document["kind"], metadata["name"]] == 1
            middle = "" if unique else f"{metadata.get('namespace', 'default')}-"
            options = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=before))
            name = f"{prefix}-{middle}{metadata['name']}"
            current.append(Document(name, document, options))
        before = current or before
        registered += current
    return registered


def unawaited(document: Mapping[str, Any]) -> dict[str, Any]:
    """Gives a copy of the document for whose readiness Pulumi's provider does not wait."""
    return annotated(document, {SKIP_AWAIT: "true"})


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
