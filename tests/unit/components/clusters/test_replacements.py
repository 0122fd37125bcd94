"""What would be deleted to be made anew is refused before anything is changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.clusters.replacements import check, lines
from foundation.errors import UserError


def document(kind: str, group: str = "apps/v1", **spec: Any) -> dict[str, Any]:
    metadata = {"name": "shop", "namespace": "retail"}
    return {"apiVersion": group, "kind": kind, "metadata": metadata, "spec": spec}


@pytest.mark.parametrize(
    ("kind", "group", "before", "after", "field"),
    [
        ("Deployment", "apps/v1", {"selector": 1}, {"selector": 2}, "selector"),
        ("DaemonSet", "apps/v1", {"selector": 1}, {"selector": 2}, "selector"),
        ("StatefulSet", "apps/v1", {"serviceName": "a"}, {"serviceName": "b"}, "serviceName"),
        ("StatefulSet", "apps/v1", {}, {"revisionHistoryLimit": 3}, "revisionHistoryLimit"),
        ("PersistentVolumeClaim", "v1", {}, {"storageClassName": "standard"}, "storageClassName"),
    ],
)
def test_a_change_that_deletes_first_is_named(
    kind: str, group: str, before: Any, after: Any, field: str
) -> None:
    (line,) = lines([document(kind, group, **before)], [document(kind, group, **after)])
    assert line.startswith(f"{kind} shop in namespace retail: spec.{field} is ")
    assert list(lines([document(kind, group, **after)], [document(kind, group, **after)])) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"replicas": 1, "template": {}}, {"replicas": 2, "template": {"spec": {}}}),
        ({"selector": {"a": 1}}, {"selector": {"a": 1, "b": None}}),
        ({}, {"selector": None}),
        ({"selector": {"a": 1, "b": []}}, {"selector": {"a": 1}}),
    ],
)
def test_what_is_changed_in_place_is_not(before: Any, after: Any) -> None:
    assert not [*lines([document("Deployment", **before)], [document("Deployment", **after)])]


def test_a_new_object_and_one_that_goes_are_none() -> None:
    other = {**document("Deployment", selector=1), "metadata": {"name": "b"}}
    assert not [*lines([document("Deployment", selector=2)], [other])]


def test_a_state_that_is_not_there_or_empty_refuses_nothing(tmp_path: Path) -> None:
    state = tmp_path / "west.json"
    check(state, [document("Deployment", selector=1)])
    for text in ("", "{}", json.dumps({"checkpoint": {"latest": None}})):
        state.write_text(text)
        check(state, [document("Deployment", selector=1)])


def test_the_state_says_what_is_there(tmp_path: Path) -> None:
    state = tmp_path / "west.json"
    known = {"type": "kubernetes:apps/v1:Deployment", "inputs": document("Deployment", selector=1)}
    others = [{"type": "pulumi:providers:kubernetes", "inputs": {}}, {"type": "demo:edge:Edge"}]
    state.write_text(json.dumps({"checkpoint": {"latest": {"resources": [*others, known]}}}))
    check(state, [document("Deployment", selector=1)])
    with pytest.raises(UserError, match="made before the old one goes"):
        check(state, [document("Deployment", selector=2)])


def test_a_namespace_that_still_holds_something_is_kept() -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "retail"}}
    shop = document("Deployment")
    (line,) = lines([namespace, shop], [shop])
    assert line.startswith("Namespace retail is no longer in the manifest, but Deployment shop in")
    elsewhere = {**shop, "metadata": {"name": "shop", "namespace": "other"}}
    for now in ([namespace, shop], [], [elsewhere]):
        assert list(lines([namespace, shop], now)) == []


def test_a_kind_that_still_has_objects_is_kept() -> None:
    names = {"kind": "Widget", "plural": "widgets"}
    defined = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "names": names},
    }
    widget = {**document("Widget"), "apiVersion": "example.com/v1"}
    (line,) = lines([defined, widget], [widget])
    assert line.startswith("CustomResourceDefinition widgets.example.com is no longer in the")
    assert "Widget shop in namespace retail" in line
    other = {**widget, "apiVersion": "example.org/v1"}
    for now in ([defined, widget], [], [other]):
        assert list(lines([defined, widget], now)) == []
