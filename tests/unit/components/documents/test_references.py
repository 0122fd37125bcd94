"""Objects that pods need and the manifest does not make: named in the preview."""

from __future__ import annotations

from typing import Any

import pytest

from components.documents import references
from foundation.identity import Identity
from tests.support import corpus


def _document(kind: str, version: str = "v1", **fields: Any) -> dict[str, Any]:
    metadata = {"name": "shop", "namespace": "bazaar"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


def _workload(**pod: Any) -> dict[str, Any]:
    container = {"name": "shop", **pod.pop("container", {})}
    spec = {"template": {"spec": {"containers": [container], **pod}}}
    return _document("Deployment", "apps/v1", spec=spec)


CONFIG = [
    _workload(volumes=[{"name": "a", "configMap": {"name": "shop"}}]),
    _workload(volumes=[{"name": "a", "projected": {"sources": [{"configMap": {"name": "shop"}}]}}]),
    _workload(container={"envFrom": [{"configMapRef": {"name": "shop"}}]}),
    _workload(
        container={"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "shop"}}}]}
    ),
]
SECRET = [
    _workload(volumes=[{"name": "a", "secret": {"secretName": "shop"}}]),
    _workload(initContainers=[{"name": "a", "envFrom": [{"secretRef": {"name": "shop"}}]}]),
]
ACCOUNT = [_workload(serviceAccountName="shop")]
CLAIM = [_workload(volumes=[{"name": "a", "persistentVolumeClaim": {"claimName": "shop"}}])]


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        *((each, "ConfigMap") for each in CONFIG),
        *((each, "Secret") for each in SECRET),
        *((each, "ServiceAccount") for each in ACCOUNT),
        *((each, "PersistentVolumeClaim") for each in CLAIM),
    ],
)
def test_what_pods_wait_for_is_named_unless_the_manifest_has_it(
    document: dict[str, Any], kind: str
) -> None:
    (line,) = references.missing([document], [])
    named = f"Deployment shop in namespace bazaar needs the {kind} shop there, which no document"
    assert line.startswith(named)
    assert not list(references.missing([document, _document(kind)], []))
    assert not list(references.missing([document], [Identity("", kind, "bazaar", "shop")]))
    assert list(references.missing([document], [Identity("", kind, "default", "shop")])) == [line]
    elsewhere = _document(kind)
    elsewhere["metadata"]["namespace"] = "default"
    assert list(references.missing([document, elsewhere], [])) == [line]


@pytest.mark.parametrize(
    "pod",
    [
        {"volumes": [{"name": "a", "configMap": {"name": "shop", "optional": True}}]},
        {"volumes": [{"name": "a", "configMap": {"name": "kube-root-ca.crt"}}]},
        {"serviceAccountName": "default"},
        {"imagePullSecrets": [{"name": "shop"}]},  # pods start without
    ],
)
def test_pods_wait_for_nothing_that_is_optional_or_always_there(pod: dict[str, Any]) -> None:
    assert not list(references.missing([_workload(**pod)], []))


def test_claims_that_a_stateful_set_has_made_are_there() -> None:
    templates = [{"metadata": {"name": "data"}}]
    database = _document("StatefulSet", "apps/v1", spec={"volumeClaimTemplates": templates})

    def reader(claim: str) -> dict[str, Any]:
        volume = {"name": "a", "persistentVolumeClaim": {"claimName": claim}}
        return _workload(volumes=[volume])

    assert not list(references.missing([database, reader("data-shop-0")], []))
    assert list(references.missing([database, reader("logs-shop-0")], []))


def test_where_controllers_of_custom_kinds_may_make_it_nothing_is_said() -> None:
    custom = _document("Certificate", "cert-manager.io/v1")
    assert not list(references.missing([*SECRET, custom], []))


ROLES = "rbac.authorization.k8s.io/v1"


def _rule(groups: str, verb: str, resource: str) -> dict[str, list[str]]:
    return {"apiGroups": [groups], "verbs": ["get", verb], "resources": ["pods", resource]}


@pytest.mark.parametrize(
    ("role", "says"),
    [
        (_document("Role", ROLES, rules=[_rule("", "create", "secrets")]), False),
        (_document("ClusterRole", ROLES, rules=[_rule("*", "*", "*")]), False),
        (_document("ClusterRoleBinding", ROLES, roleRef={"name": "cluster-admin"}), False),
        (_document("Role", ROLES, rules=[_rule("", "create", "configmaps")]), True),
        (_document("Role", ROLES, rules=[_rule("", "patch", "secrets")]), True),
        (_document("Role", ROLES, rules=[_rule("apps", "create", "secrets")]), True),
        (_document("RoleBinding", ROLES, roleRef={"name": "view"}), True),
    ],
)
def test_nothing_is_said_of_what_a_role_allows_to_create(role: dict[str, Any], says: bool) -> None:
    """As the Job of an ingress controller, which makes the certificate that its pods mount."""
    lines = list(references.missing([SECRET[0], role], []))
    assert bool(lines) is says


@pytest.mark.parametrize("field", [{"replicas": 0}, {"suspend": True}])
def test_where_no_pods_are_to_start_nothing_is_missing(field: dict[str, Any]) -> None:
    document = _workload(serviceAccountName="shop")
    document["spec"] |= field
    assert not list(references.missing([document], []))


@pytest.mark.parametrize(("namespace", "says"), [("kube-system", False), ("default", True)])
def test_what_kubernetes_own_pods_have_may_be_there(namespace: str, says: bool) -> None:
    document = _workload(serviceAccountName="coredns")
    document["metadata"]["namespace"] = namespace
    assert bool(list(references.missing([document], []))) is says


def test_of_documents_of_all_kinds_nothing_ends_in_an_error() -> None:
    assert all(references.missing(corpus.documents(), []))
