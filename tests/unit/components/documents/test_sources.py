"""Which files a manifest is, which objects they hold, and how broken ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.documents.origin import ManifestError
from components.documents.sources import load, named
from foundation.errors import ToolMissing
from tests.support.own_manifest import config, manifest, one
from toolchain import tools

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: bank}\n"
SERVICE = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: bank}\n"
    "spec: {ports: [{port: 80}]}\n"
)


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
        (
            "a: {{ .Values.b }}",
            r"own\.yaml is not YAML: .*line 1: .*; it looks like a template: render",
        ),
        ("a: {{- .Values.b }}", r"own\.yaml is not YAML: .*; it looks like a template: render"),
        ("\x00", r"own\.yaml is not YAML"),
        ("", r"own\.yaml holds no Kubernetes object; write one there$"),
        (f"{NAMESPACE}---\njust text", r"own\.yaml, document 2 is not a Kubernetes object"),
        (f"{NAMESPACE}---\nkind: Service", r"own\.yaml, document 2 has no apiVersion; add it$"),
        ("apiVersion: v1", r"own\.yaml, document 1 has no kind; add it$"),
        ("{apiVersion: v1, kind: Pod}", r"document 1 \(Pod\) has no metadata\.name; add it$"),
        (
            "{apiVersion: v1, kind: Pod, metadata: {name: a}, x: .inf}",
            r"JSON does not have .*quotes$",
        ),
        (
            "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod}]}",
            r"document 1, item 1 \(Pod\) has no metadata\.name",
        ),
        (
            f"{SERVICE}---\n{SERVICE}",
            r"document 2 \(Service web\) is there twice: .*, document 1 and document 2; remove",
        ),
    ],
)
def test_a_broken_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ManifestError, match=message) as refusal:
        load(manifest(tmp_path, text))
    assert "\n" not in str(refusal.value)


def test_a_manifest_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"none\.yaml cannot be read: No such file"):
        load(tmp_path / "none.yaml")


def test_items_of_a_typed_list_need_no_kind(tmp_path: Path) -> None:
    text = "{apiVersion: v1, kind: ConfigMapList, items: [{metadata: {name: a}}]}"
    assert one(tmp_path, text)["kind"] == "ConfigMap"
    with pytest.raises(ManifestError, match="holds no Kubernetes object"):
        load(manifest(tmp_path, "{apiVersion: v1, kind: List, items: null}"))


@pytest.mark.parametrize("given", ["''", "null", "default"])
def test_an_object_without_a_namespace_is_the_one_in_default(tmp_path: Path, given: str) -> None:
    one = config("{}")
    other = one.replace("{name: a}", f"{{name: a, namespace: {given}}}")
    with pytest.raises(ManifestError, match=r"document 2 \(ConfigMap a\) is there twice"):
        load(manifest(tmp_path, f"{one}---\n{other}"))


@pytest.mark.parametrize("namespace", ["''", "null", ""])
def test_an_empty_namespace_is_none(tmp_path: Path, namespace: str) -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: {namespace}\n"
    assert one(tmp_path, text)["metadata"] == {"name": "a"}
    with pytest.raises(ManifestError, match="is there twice"):
        load(manifest(tmp_path, f"{text}---\n{config('{}')}"))


def test_folders_are_read_as_kubectl_reads_them(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "c.json", "d.txt"):
        (tmp_path / name).write_text(config("{}").replace("name: a", f"name: {name[0]}"))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "e.yaml").write_text("a: [")
    assert [d["metadata"]["name"] for d in load(tmp_path)] == ["a", "b", "c"]
    assert [d["metadata"]["name"] for d in load([tmp_path / "b.yaml", tmp_path / "a.yml"])] == [
        "b",
        "a",
    ]
    with pytest.raises(ManifestError, match=r"b\.yaml, document 1 and document 1"):
        load([tmp_path, tmp_path / "b.yaml"])
    with pytest.raises(ManifestError, match=r"has no file that ends in \.json, \.yaml, \.yml"):
        (tmp_path / "none").mkdir()
        load(tmp_path / "none")
    assert named([tmp_path / "a", tmp_path / "b"]) == f"{tmp_path}/a, {tmp_path}/b"


def test_what_is_to_be_named_or_rendered_otherwise_is_refused_with_the_way(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")
    with pytest.raises(
        ManifestError, match=r"kustomization\.yaml is a kustomization; name its fol"
    ):
        load(tmp_path / "kustomization.yaml")
    chart = tmp_path / "our chart"
    chart.mkdir()
    (tmp_path / "kustomization.yaml").rename(chart / "Chart.yaml")
    with pytest.raises(
        ManifestError, match=r"chart; render it: helm template NAME '.*our chart' >"
    ):
        load(chart)


def test_a_kustomization_needs_kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")

    def missing(name: str) -> Path:
        raise ToolMissing(name)

    monkeypatch.setattr(tools, "path", missing)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ManifestError, match="is a kustomization, which needs kubectl; build it"):
        load(tmp_path)
