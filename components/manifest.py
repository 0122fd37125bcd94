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

from components.errors import DemoError
from toolchain import quick_yaml

_FIRST = {"Namespace", "CustomResourceDefinition"}
_LAST = {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod", "ReplicaSet"}

SECRET_KEYS = {"data", "stringData"}
"""What a Secret hides."""

SKIP_AWAIT = "pulumi.com/skipAwait"
"""Annotation by which Pulumi's provider does not wait for an object to be ready."""


class ManifestError(DemoError):
    """A manifest that cannot be used; the text names file and document, for people."""


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
    repeated = [key for key, count in Counter(map(_identity, documents)).items() if count > 1]
    if repeated:
        raise ManifestError(f"{file} holds {' '.join(filter(None, repeated[0][1:]))} twice")
    return documents


def shown(path: Path) -> str:
    """Gives the path as people type it: relative to the current folder, the project's."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


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


def _identity(document: Mapping[str, Any]) -> tuple[str, str, str, str]:
    metadata = document["metadata"]
    return (
        document["apiVersion"].partition("/")[0],
        document["kind"],
        metadata["name"],
        metadata.get("namespace", ""),
    )
