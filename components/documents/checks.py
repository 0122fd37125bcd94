"""What an API server would refuse, refused before anything is changed.

This is no schema of Kubernetes. It has what manifests are often wrong in: keys that occur twice in
lists that server-side apply takes for maps, names, and values that are no text where text is
needed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from components.documents import fields, pods, workload
from components.documents.origin import Read
from foundation.identity import (
    Identity,
    custom_scopes,
    group_of,
    identity_of,
    is_namespaced,
)

_PART = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"(?=.{{1,253}}$){_PART}(\.{_PART})*")
_NAME_GROUPS = {"", "apps", "batch", "autoscaling", "networking.k8s.io", "policy"}
"""API groups whose objects have names as DNS has them; roles, for one, may have others."""


def checked(
    found: Sequence[Read], namespaces: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """Return the documents, their namespaces in one form. Raises ManifestError.

    A namespace that is empty, or that the kind does not have, is left out, as an API server does.
    `namespaces` are those that the clusters have beside the manifest's, None if that is unknown.
    """
    for read in found:
        _check_metadata(read)
    scopes = custom_scopes(read.document for read in found)
    seen: dict[Identity, Read] = {}
    result = []
    for read in found:
        _check(read)
        identity = identity_of(read.document, scopes)
        first = seen.setdefault(identity, read)
        if first is not read:
            again = read.position if first.file == read.file else read.where
            # The sentence names both documents: either may be the wrong one.
            raise read.refusal(f"is there twice: {first.where} and {again}; remove one")
        result.append(_in_one_form(read.document, scopes))
    if namespaces is not None:
        own = {each.name for each in seen if (each.group, each.kind) == ("", "Namespace")}
        for identity, read in seen.items():
            _check_namespace(identity.namespace, {"", *own, *namespaces}, read)
    return result


def _check_namespace(namespace: str, present: Collection[str], read: Read) -> None:
    if namespace not in present:
        raise read.refusal(
            f"has the metadata.namespace '{namespace}', which neither the manifest nor Kubernetes "
            "makes; add the document {apiVersion: v1, kind: Namespace, metadata: "
            f"{{name: {namespace}}}}}"
        )


def _in_one_form(
    document: dict[str, Any], scopes: Mapping[tuple[str, str], bool]
) -> dict[str, Any]:
    metadata = document["metadata"]
    if "namespace" not in metadata:
        return document
    if metadata["namespace"] and is_namespaced(group_of(document), document["kind"], scopes):
        return document
    without = {key: value for key, value in metadata.items() if key != "namespace"}
    return {**document, "metadata": without}


def _check_metadata(read: Read) -> None:
    metadata = read.document.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("name") in (None, ""):
        raise read.refusal("has no metadata.name; add it")
    name = metadata["name"]
    fields.text(name, "metadata.name", read.refusal)
    namespace = metadata.get("namespace")
    if namespace is not None:
        fields.text(namespace, "metadata.namespace", read.refusal)
        if namespace and not fields.LABEL.fullmatch(namespace):
            raise read.refusal(fields.no_label("metadata.namespace", namespace))
    fields.labels(metadata.get("labels"), "metadata.labels", read.refusal)
    fields.texts(metadata.get("annotations"), "metadata.annotations", read.refusal)


def _check(read: Read) -> None:
    document, refuse = read.document, read.refusal
    group, kind = group_of(document), document["kind"]
    name = document["metadata"]["name"]
    if (group, kind) in (("", "Namespace"), ("", "Service")):
        if not fields.LABEL.fullmatch(name):
            raise refuse(fields.no_label("metadata.name", name))
    elif group in _NAME_GROUPS and not _SUBDOMAIN.fullmatch(name):
        raise refuse(
            f"has the metadata.name '{name}'; use small letters, digits, '-' and '.', at most 253"
        )
    if group == "" and kind == "Service":
        _check_service(document, refuse)
    elif group == "" and kind == "ConfigMap":
        fields.texts(document.get("data"), "data", refuse)
        fields.base64_values(document.get("binaryData"), "binaryData", refuse)
    elif group == "" and kind == "Secret":
        fields.texts(document.get("stringData"), "stringData", refuse)
        fields.base64_values(document.get("data"), "data", refuse)
    elif group == "" and kind == "ServiceAccount":
        for _ in fields.entries(document.get("secrets"), "secrets", ("name",), refuse):
            pass
    spec = document.get("spec")
    selector = spec.get("selector") if isinstance(spec, dict) else None
    if group in ("apps", "batch", "policy") and selector is not None:
        labels = fields.mapping(selector, "spec.selector", refuse).get("matchLabels")
        fields.labels(labels, "spec.selector.matchLabels", refuse)
    for path, template in workload.templates(document):
        pods.check(template, path, refuse)
        if group == "apps":
            _check_selector(document, template, path, refuse)


def _check_selector(
    document: Mapping[str, Any], template: Mapping[str, Any], path: str, refuse: fields.Refuse
) -> None:
    """Check that a workload selects its own pods, which Kubernetes wants of all in group apps."""
    selector = document["spec"].get("selector")
    if not selector:
        raise refuse("has no spec.selector; add it, with the labels of its pods in matchLabels")
    wanted = selector.get("matchLabels") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    for key, value in wanted.items():
        if labels.get(key) != value:
            raise refuse(
                f"has in spec.selector.matchLabels.{key} {fields.shown(value)}, and in "
                f"{path}metadata.labels.{key} {fields.shown(labels.get(key))}; make them equal"
            )


def _check_service(document: Mapping[str, Any], refuse: fields.Refuse) -> None:
    spec = fields.mapping(document.get("spec"), "spec", refuse)
    fields.labels(spec.get("selector"), "spec.selector", refuse)
    names: dict[str, str] = {}
    ports = list(fields.entries(spec.get("ports"), "spec.ports", ("port", "protocol"), refuse))
    for path, port in ports:
        fields.port(port.get("port"), f"{path}.port", refuse)
        fields.target(port.get("targetPort") or None, f"{path}.targetPort", refuse)
        name = port.get("name")
        fields.optional_text(name, f"{path}.name", refuse)
        if name and not fields.LABEL.fullmatch(name):
            raise refuse(fields.no_label(f"{path}.name", name))
        if not name and len(ports) > 1:
            raise refuse(f"has no {path}.name, which each of several ports needs; add it")
        if name and names.setdefault(name, path) is not path:
            raise refuse(f"has name {name} twice: {names[name]} and {path}; keep one")
