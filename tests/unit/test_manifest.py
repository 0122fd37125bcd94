"""Reading manifests, and how broken ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.manifest import ManifestError, load

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: bank}\n"
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: bank}\n"


def manifest(folder: Path, text: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(text)
    return path


def test_documents_come_in_their_order_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    documents = load(manifest(tmp_path, f"---\n{SERVICE}---\n# nothing\n---\n{NAMESPACE}"))
    assert [document["kind"] for document in documents] == ["Service", "Namespace"]


def test_a_list_counts_as_its_items(tmp_path: Path) -> None:
    item = "{apiVersion: v1, kind: Secret, metadata: {name: a}}"
    path = manifest(tmp_path, f"{{apiVersion: v1, kind: List, items: [{item}]}}")
    assert [document["kind"] for document in load(path)] == ["Secret"]


def test_the_same_name_in_two_namespaces_is_two_objects(tmp_path: Path) -> None:
    text = f"{SERVICE}---\n{SERVICE.replace('bank', 'shop')}"
    assert len(load(manifest(tmp_path, text))) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", r"own\.yaml is not YAML: .*line 2"),
        ("a: {{ .Values.b }}", r"own\.yaml is not YAML"),
        ("\x00", r"own\.yaml is not YAML"),
        ("", r"own\.yaml holds no Kubernetes object$"),
        (f"{NAMESPACE}---\njust text", r"own\.yaml, document 2 is not a Kubernetes object"),
        (f"{NAMESPACE}---\nkind: Service", r"own\.yaml, document 2 has no apiVersion; add it$"),
        ("apiVersion: v1", r"own\.yaml, document 1 has no kind; add it$"),
        ("{apiVersion: v1, kind: Pod}", r"document 1 \(Pod\) has no metadata\.name; add it$"),
        (
            "{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {day: 2020-01-01}}}",
            r"document 1 \(Pod a\) holds a value .* put it in quotes$",
        ),
        (
            "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod}]}",
            r"document 1, item 1 \(Pod\) has no metadata\.name",
        ),
        (f"{SERVICE}---\n{SERVICE}", r"own\.yaml holds Service web bank twice$"),
    ],
)
def test_a_broken_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ManifestError, match=message) as refusal:
        load(manifest(tmp_path, text))
    assert "\n" not in str(refusal.value)


def test_a_manifest_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"none\.yaml cannot be read: No such file"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize("given", ["''", "null", "default"])
def test_an_object_without_a_namespace_is_the_one_in_default(tmp_path: Path, given: str) -> None:
    one = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
    other = one.replace("{name: web}", f"{{name: web, namespace: {given}}}")
    with pytest.raises(ManifestError, match=r"own\.yaml holds Service web default twice$"):
        load(manifest(tmp_path, f"{one}---\n{other}"))
