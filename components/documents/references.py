"""What pods cannot start without, and the manifest does not make."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from components.documents import schema, workload
from foundation.identity import (
    DEFAULT_NAMESPACE,
    KUBERNETES_NAMESPACES,
    Identity,
    group_of,
    identity_of,
    mapping,
)

Given = Mapping[str, Any]

Named = tuple[str, str]
"""Kind and name of an object beside a pod."""

_OF_KUBERNETES = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}
"""What each namespace has."""

_CLAIM = "PersistentVolumeClaim"

_RESOURCES = {
    "configmaps": "ConfigMap",
    "persistentvolumeclaims": _CLAIM,
    "secrets": "Secret",
    "serviceaccounts": "ServiceAccount",
}
_MAKERS = {"cluster-admin", "admin", "edit"}
"""Kubernetes' own roles that may create all of these."""

_VALUES = {"configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret"}
_GROUPS = {"configMapRef": "ConfigMap", "secretRef": "Secret"}


def missing(documents: Sequence[Given], made: Collection[Identity]) -> Iterator[str]:
    """Yield a line for each object beside them that pods need and no document makes.

    `made` are those that the program makes beside the application. Nothing is said where pods may
    be served by somebody else: of a manifest with custom kinds, whose controllers make Secrets and
    more, of what its roles allow to create, and of the namespaces of Kubernetes' own pods.
    """
    if not all(schema.knows(str(each["apiVersion"]), str(each["kind"])) for each in documents):
        return
    there, claims = {*made, *map(identity_of, documents)}, {*_claims(documents)}
    creatable = {kind for document in documents for kind in _creatable(document)}
    for document in filter(_has_pods, documents):
        own = identity_of(document)
        needed = (_needed(mapping(pod.get("spec"))) for _, pod in workload.templates(document))
        for kind, name in dict.fromkeys(each for pod in needed for each in pod):
            known = Identity("", kind, own.namespace, name) in there
            if kind == _CLAIM:  # a pod's number ends its claim's name
                known = known or (own.namespace, name.rpartition("-")[0]) in claims
            if name and not known and kind not in creatable and (kind, name) not in _OF_KUBERNETES:
                yield (
                    f"{own} needs the {kind} {name} there, which no document makes: its pods do not"
                    " start before somebody does; add it, or correct its name or namespace"
                )


def _claims(documents: Sequence[Given]) -> Iterator[tuple[str, str]]:
    """Yield namespace and beginning of the name of claims that are made for StatefulSets' pods."""
    for document in documents:
        own = identity_of(document)
        if own.kind == "StatefulSet":
            templates = mapping(document.get("spec")).get("volumeClaimTemplates")
            for template in workload.mappings(templates):
                yield own.namespace, f"{mapping(template.get('metadata')).get('name')}-{own.name}"


def _has_pods(document: Given) -> bool:
    """Return whether pods of a document, if it has any, are to start, in a namespace of users'."""
    spec = mapping(document.get("spec"))
    is_off = spec.get("replicas") == 0 or spec.get("suspend") is True
    namespace = identity_of(document).namespace
    return not is_off and namespace not in {*KUBERNETES_NAMESPACES} - {DEFAULT_NAMESPACE}


def _creatable(document: Given) -> Iterator[str]:
    """Yield the kinds that a role, or the binding of one, allows to create."""
    if group_of(document) != "rbac.authorization.k8s.io":
        return
    if mapping(document.get("roleRef")).get("name") in _MAKERS:
        yield from _RESOURCES.values()
    for rule in workload.mappings(document.get("rules")):
        groups, verbs, resources = (
            {*each} if isinstance(each := rule.get(field), list) else set()
            for field in ("apiGroups", "verbs", "resources")
        )
        if groups & {"", "*"} and verbs & {"create", "*"}:
            for resource, kind in _RESOURCES.items():
                if resources & {resource, "*"}:
                    yield kind


def _needed(pod: Given) -> Iterator[Named]:
    yield "ServiceAccount", str(pod.get("serviceAccountName") or pod.get("serviceAccount") or "")
    for volume in workload.mappings(pod.get("volumes")):
        yield from _reference("ConfigMap", volume.get("configMap"))
        yield from _reference("Secret", volume.get("secret"), "secretName")
        yield from _reference(_CLAIM, volume.get("persistentVolumeClaim"), "claimName")
        for source in workload.mappings(mapping(volume.get("projected")).get("sources")):
            yield from _reference("ConfigMap", source.get("configMap"))
            yield from _reference("Secret", source.get("secret"))
    for field in ("containers", "initContainers"):
        for container in workload.mappings(pod.get(field)):
            for variable in workload.mappings(container.get("env")):
                for key, kind in _VALUES.items():
                    yield from _reference(kind, mapping(variable.get("valueFrom")).get(key))
            for group in workload.mappings(container.get("envFrom")):
                for key, kind in _GROUPS.items():
                    yield from _reference(kind, group.get(key))


def _reference(kind: str, given: Any, field: str = "name") -> Iterator[Named]:
    """Yield what a reference names, unless pods start without it."""
    found = mapping(given)
    if found and found.get("optional") is not True:
        yield kind, str(found.get(field) or "")
