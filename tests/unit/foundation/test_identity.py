"""Which object of a cluster a document stands for."""

from __future__ import annotations

from typing import Any

import pytest

from foundation.identity import Identity, custom_scopes, identity_of


def document(version: str, kind: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "a", **metadata}}


def definition(scope: Any, group: Any = "example.com", kind: Any = "Tower") -> dict[str, Any]:
    made = document("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    return {**made, "spec": {"group": group, "scope": scope, "names": {"kind": kind}}}


def test_the_version_of_the_group_is_no_part_of_it() -> None:
    old, new = (document(f"autoscaling/{v}", "HorizontalPodAutoscaler") for v in ("v1", "v2"))
    assert identity_of(old) == identity_of(new)
    assert identity_of(document("v1", "Event")) != identity_of(
        document("events.k8s.io/v1", "Event")
    )


@pytest.mark.parametrize("given", [{}, {"namespace": ""}, {"namespace": None}])
def test_what_names_no_namespace_is_in_default(given: dict[str, Any]) -> None:
    named = document("v1", "Service", namespace="default")
    assert identity_of(document("v1", "Service", **given)) == identity_of(named)
    assert identity_of(named) == Identity("", "Service", "default", "a")


@pytest.mark.parametrize(
    ("version", "kind"),
    [("v1", "Namespace"), ("rbac.authorization.k8s.io/v1", "ClusterRole"), ("v1", "Node")],
)
def test_what_is_in_no_namespace_is_in_none_whatever_its_document_names(
    version: str, kind: str
) -> None:
    assert identity_of(document(version, kind, namespace="b")).namespace == ""
    # a kind of the same name in another group is another kind
    assert identity_of(document("example.com/v1", kind)).namespace == "default"


def test_a_custom_kind_is_in_a_namespace_unless_its_definition_says_otherwise() -> None:
    tower = document("example.com/v1", "Tower")
    assert identity_of(tower).namespace == "default"
    assert identity_of(tower, custom_scopes([definition("Namespaced")])).namespace == "default"
    assert identity_of(tower, custom_scopes([tower, definition("Cluster")])).namespace == ""
    other = document("other.example.com/v1", "Tower")
    assert identity_of(other, custom_scopes([definition("Cluster")])).namespace == "default"


@pytest.mark.parametrize(
    "broken",
    [
        {**definition("Cluster"), "spec": None},
        {**definition("Cluster"), "spec": {"names": None, "group": "a"}},
        definition("Cluster", group=None),
        definition("Cluster", kind=["Tower"]),
    ],
)
def test_an_incomplete_definition_says_nothing(broken: dict[str, Any]) -> None:
    assert custom_scopes([broken]) == {}


def test_people_read_kind_name_and_namespace() -> None:
    assert str(identity_of(document("v1", "Service"))) == "Service a in namespace default"
    assert str(identity_of(document("v1", "Node"))) == "Node a"
