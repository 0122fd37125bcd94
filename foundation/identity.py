"""Which object of a cluster a document stands for: group, kind, namespace and name.

The API version is no part of it: an API server serves one object in each version of its group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

DEFAULT_NAMESPACE = "default"
"""Namespace of an object whose document names none, as kubectl and Pulumi's provider have it."""

KUBERNETES_NAMESPACES = (DEFAULT_NAMESPACE, "kube-system", "kube-public", "kube-node-lease")
"""Namespaces that an API server makes.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/.
"""

_CLUSTER_SCOPED = {
    "": {"ComponentStatus", "Namespace", "Node", "PersistentVolume"},
    "admissionregistration.k8s.io": {
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    },
    "apiextensions.k8s.io": {"CustomResourceDefinition"},
    "apiregistration.k8s.io": {"APIService"},
    "authentication.k8s.io": {"SelfSubjectReview", "TokenReview"},
    "authorization.k8s.io": {
        "SelfSubjectAccessReview",
        "SelfSubjectRulesReview",
        "SubjectAccessReview",
    },
    "certificates.k8s.io": {"CertificateSigningRequest", "ClusterTrustBundle"},
    "flowcontrol.apiserver.k8s.io": {"FlowSchema", "PriorityLevelConfiguration"},
    "internal.apiserver.k8s.io": {"StorageVersion"},
    "networking.k8s.io": {"IPAddress", "IngressClass", "ServiceCIDR"},
    "node.k8s.io": {"RuntimeClass"},
    "rbac.authorization.k8s.io": {"ClusterRole", "ClusterRoleBinding"},
    "resource.k8s.io": {
        "DeviceClass",
        "DeviceTaintRule",
        "ResourcePoolStatusRequest",
        "ResourceSlice",
    },
    "scheduling.k8s.io": {"PriorityClass"},
    "storage.k8s.io": {
        "CSIDriver",
        "CSINode",
        "StorageClass",
        "VolumeAttachment",
        "VolumeAttributesClass",
    },
    "storagemigration.k8s.io": {"StorageVersionMigration"},
}
"""Built-in kinds that are in no namespace, by API group.

Source: api/discovery/aggregated_v2.json and api__v1.json of k8s.io/kubernetes v1.37.1.
"""

_DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")


_SCALERS = {("autoscaling", "HorizontalPodAutoscaler"), ("keda.sh", "ScaledObject")}
"""Group and kind of what sets the replicas of its `spec.scaleTargetRef`."""


class Identity(NamedTuple):
    """The key of one object in a cluster."""

    group: str
    """API group, empty for the core's."""
    kind: str
    namespace: str
    """Empty for what is in no namespace."""
    name: str

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.kind} {self.name}{where}"


def identity_of(
    document: Mapping[str, Any], scopes: Mapping[tuple[str, str], bool] | None = None
) -> Identity:
    """Return the identity of a document that has apiVersion, kind and metadata.name.

    `scopes` says of custom kinds, by group and kind, whether they are in a namespace; see
    `custom_scopes`. A custom kind that it does not have counts as one in a namespace. A name that
    must outlast a change of the other documents is made without `scopes`: with them it would
    change when the definition of the kind comes into the manifest.
    """
    group, kind = group_of(document), document["kind"]
    metadata = document["metadata"]
    namespace = ""
    if is_namespaced(group, kind, scopes):
        namespace = metadata.get("namespace") or DEFAULT_NAMESPACE
    return Identity(group, kind, namespace, metadata["name"])


def is_namespaced(
    group: str, kind: str, scopes: Mapping[tuple[str, str], bool] | None = None
) -> bool:
    """Tell whether objects of a kind are in a namespace, `scopes` as in `identity_of`."""
    if kind in _CLUSTER_SCOPED.get(group, ()):
        return False
    return (scopes or {}).get((group, kind), True)


def group_of(document: Mapping[str, Any]) -> str:
    """Return the API group of a document, empty for the core's."""
    return str(document["apiVersion"]).rpartition("/")[0]


def is_core(document: Mapping[str, Any], kind: str) -> bool:
    """Tell whether a document is of this kind in the core's group; others have a Service, too."""
    return document.get("kind") == kind and not str(document.get("apiVersion")).count("/")


def custom_scopes(documents: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], bool]:
    """Return, by group and kind, whether custom objects are in a namespace.

    That is what the CustomResourceDefinitions among the documents say; incomplete ones say nothing.
    """
    scopes: dict[tuple[str, str], bool] = {}
    for document in documents:
        if (group_of(document), document["kind"]) != _DEFINITION:
            continue
        spec = mapping(document.get("spec"))
        group, kind = spec.get("group"), mapping(spec.get("names")).get("kind")
        if isinstance(group, str) and isinstance(kind, str):
            scopes[group, kind] = spec.get("scope") != "Cluster"
    return scopes


def mapping(value: object) -> Mapping[str, Any]:
    """Return the value if it is a mapping; an empty one instead of anything else."""
    return value if isinstance(value, Mapping) else {}


def autoscaled(documents: Iterable[Mapping[str, Any]]) -> set[Identity]:
    """Return the identities of the workloads whose replicas an autoscaler of the documents owns."""
    found = set()
    for document in documents:
        target = mapping(document.get("spec")).get("scaleTargetRef")
        is_scaler = (group_of(document), document["kind"]) in _SCALERS
        if not is_scaler or not isinstance(target, Mapping):
            continue
        workload = {
            "apiVersion": str(target.get("apiVersion") or "apps/v1"),
            "kind": str(target.get("kind") or "Deployment"),
            "metadata": {
                "namespace": identity_of(document).namespace,
                "name": str(target.get("name")),
            },
        }
        found.add(identity_of(workload))
    return found
