"""What an API server would refuse, refused before anything is changed.

Here is what concerns a document as a whole, of whatever kind; `schema` looks at the fields of
Kubernetes' own kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from components.documents import fields, pods, schema, selectors, workload
from components.documents.origin import ManifestError, Read
from foundation.identity import (
    Identity,
    custom_scopes,
    group_of,
    identity_of,
    is_namespaced,
    mapping,
)

_NAME_GROUPS = {"", "apps", "batch", "autoscaling", "networking.k8s.io", "policy"}
"""API groups whose objects have names as DNS has them; roles, for one, may have others."""

_LABEL_KINDS = {("", "Namespace"), ("", "Service"), ("apps", "StatefulSet")}
"""Kinds whose objects have names that are one part of a DNS name."""

_HOOK = "helm.sh/hook"
_LATE_HOOKS = {"pre-delete", "post-delete", "pre-rollback", "post-rollback"}
"""Source: https://helm.sh/docs/topics/charts_hooks/."""

_SERVERS = {
    "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation",
    "managedFields", "ownerReferences", "resourceVersion", "selfLink", "uid",
}  # fmt: skip
"""Metadata that a server alone gives: another cluster's, or of another time, is a conflict.

An owner is known by its uid: what names one of another cluster is garbage, and collected.
"""

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""What `kubectl apply` has sent: a Secret's has its values in clear."""

_NOTHING: tuple[Any, ...] = (None, "", [], {})

_RESTART_POLICIES = {
    **dict.fromkeys(("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"), ("Always",)),
    **dict.fromkeys(("CronJob", "Job"), ("Never", "OnFailure")),
}


def checked(
    found: Sequence[Read],
    namespaces: Collection[str] | None = None,
    later: Callable[[ManifestError], None] | None = None,
) -> list[dict[str, Any]]:
    """Return the documents, their namespaces in one form. Raises ManifestError.

    What is empty in the metadata, what a server gives there, a namespace that the kind does not
    have, and kubectl's last applied configuration are left out; of Kubernetes' own kinds see
    `schema.as_a_server_takes`.
    `namespaces` are those that the clusters have beside the manifest's, None if that is unknown.
    `later` takes what a server of another version may take; without it that is refused.
    """
    later = later or _raise
    for read in found:
        _check_metadata(read)
    scopes = custom_scopes(read.document for read in found)
    served = {version for read in found for version, kind in _defined(read.document) if not kind}
    seen: dict[Identity, Read] = {}
    result = []
    for read in found:
        _check(read, scopes, served, later)
        identity = identity_of(read.document, scopes)
        first = seen.setdefault(identity, read)
        if first is not read:
            again = read.position if first.file == read.file else read.where
            # The sentence names both documents: either may be the wrong one.
            raise read.refusal(f"is there twice: {first.where} and {again}; remove one")
        result.append(_in_one_form(schema.as_a_server_takes(read.document), scopes))
    if namespaces is not None:
        own = {each.name for each in seen if (each.group, each.kind) == ("", "Namespace")}
        for identity, read in seen.items():
            _check_namespace(identity.namespace, {"", *own, *namespaces}, read)
    return result


def undefined(documents: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each custom kind that no document defines in that version."""
    documents = list(documents)
    defined = {each for document in documents for each in _defined(document)}
    used = dict.fromkeys((str(each["apiVersion"]), str(each["kind"])) for each in documents)
    for version, kind in used:
        if schema.knows(version, kind) or {(version, kind), (version, "")} & defined:
            continue
        yield (
            f"no document of the manifest defines {kind} ({version}); an update fails where a "
            "cluster does not have it: add its CustomResourceDefinition, or remove what is of it"
        )


def hooks(documents: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each hook that Helm runs only when a release goes, or is rolled back."""
    for document in documents:
        given = (document["metadata"].get("annotations") or {}).get(_HOOK) or ""
        if {each.strip() for each in given.split(",")} <= _LATE_HOOKS:
            yield (
                f"{identity_of(document)}: annotation {_HOOK} says {given}, but it is applied with "
                "the rest, as by kubectl, and does its work now; remove it, or render the chart "
                "without hooks: helm template --no-hooks"
            )


def _defined(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield API version and kind of what a document defines; no kind stands for all."""
    spec = mapping(document.get("spec"))
    if document["kind"] == "CustomResourceDefinition":
        kind = mapping(spec.get("names")).get("kind")
        for each in workload.mappings(spec.get("versions")):
            if each.get("served"):
                yield f"{spec.get('group')}/{each.get('name')}", str(kind)
    elif document["kind"] == "APIService":
        yield f"{spec.get('group')}/{spec.get('version')}", ""


def _raise(error: ManifestError) -> None:
    raise error


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
    given = document["metadata"]
    annotations = {
        key: value
        for key, value in (given.get("annotations") or {}).items()
        if key != _LAST_APPLIED
    }
    metadata = {
        key: value
        for key, value in {**given, "annotations": annotations}.items()
        if key not in _SERVERS and value not in _NOTHING
    }
    if not is_namespaced(group_of(document), document["kind"], scopes):
        metadata.pop("namespace", None)
    return {**document, "metadata": metadata}


def _check_metadata(read: Read) -> None:
    metadata = read.document.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("name") in (None, ""):
        raise read.refusal("has no metadata.name; add it")
    name = metadata["name"]
    fields.text(name, "metadata.name", read.refusal)
    namespace = metadata.get("namespace")
    if namespace is not None:
        fields.text(namespace, "metadata.namespace", read.refusal)
        if namespace:
            fields.label(namespace, "metadata.namespace", read.refusal)
    fields.labels(metadata.get("labels"), "metadata.labels", read.refusal)
    fields.annotation_texts(metadata.get("annotations"), read.refusal)


def _check(
    read: Read,
    scopes: Collection[tuple[str, str]],
    served: Collection[str],
    later: Callable[[ManifestError], None],
) -> None:
    document, refuse = read.document, read.refusal
    group, kind = group_of(document), document["kind"]
    name = document["metadata"]["name"]
    if (group, kind) == ("", "Node"):
        raise refuse(
            "stands for a machine, whose kubelet makes it, and would go with the stack; remove it. "
            f"To label it: kubectl label node {name} KEY=VALUE"
        )
    if (group, kind) in _LABEL_KINDS:
        fields.label(name, "metadata.name", refuse)
    elif group in _NAME_GROUPS:
        fields.subdomain(name, "metadata.name", refuse)
    if not schema.check(document, refuse, lambda what: later(refuse(what))):
        version = document["apiVersion"]
        if schema.owns(group) and (group, kind) not in scopes and version not in served:
            mend = schema.remedy(version, kind)
            later(refuse(f"has the apiVersion {version}, which has no {kind}; {mend}"))
        return
    for path, template in workload.templates(document):
        spec = document.get("spec") or {}
        claims = [_name(each) for each in spec.get("volumeClaimTemplates") or () if each]
        pods.check_volumes(mapping(template.get("spec")), f"{path}spec.", claims, refuse)
        if kind in _RESTART_POLICIES:
            _check_restarts(kind, template["spec"], f"{path}spec.restartPolicy", refuse)
        if group == "apps":
            selectors.check(spec.get("selector"), template, path, refuse)


def _name(document: Mapping[str, Any]) -> str:
    return str((document.get("metadata") or {}).get("name"))


def _check_restarts(kind: str, spec: Mapping[str, Any], path: str, refuse: fields.Refuse) -> None:
    allowed = _RESTART_POLICIES[kind]
    given = spec.get("restartPolicy") or "Always"
    if given not in allowed:
        raise refuse(f"has in {path} {given}; a {kind} needs {' or '.join(allowed)}")
