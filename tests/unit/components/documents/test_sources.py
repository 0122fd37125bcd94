"""Reading manifests, and how broken ones are refused."""

from __future__ import annotations

import base64
import copy
import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.documents.origin import ManifestError
from components.documents.reading import values
from components.documents.sources import load, named
from components.routing.annotations import RouteError
from components.routing.routes import routes
from foundation.errors import ToolMissing
from foundation.identity import identity_of
from foundation.project import ROOT
from tests.support import corpus
from toolchain import tools

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: bank}\n"
SERVICE = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: bank}\n"
    "spec: {ports: [{port: 80}]}\n"
)


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


def one(folder: Path, text: str) -> Any:
    (document,) = load(manifest(folder, text))
    return document


def config(data: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {data}\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0o644", 420),
        ("0644", 420),
        ("0x1F", 31),
        ("0b11", 3),
        ("1_000", 1000),
        ("08", 8),
        ("1e3", 1000),
        (".5", 0.5),
        ("5.755686698655898e+16", 57556866986558980),
        ("1e400", "1e400"),
        ("22:30", "22:30"),
        ("2026-01-02", "2026-01-02"),
        ("=", "="),
        ("y", True),
        ("Off", False),
        ("~", None),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("!Ref a", "a"),
        (
            "{9000: a, true: b, 1.5: c, 1e6: d}",
            {"9000": "a", "true": "b", "1.5": "c", "1e+06": "d"},
        ),
        ("{b: 1, <<: {a: 1, b: 2}, a: 3}", {"a": 3, "b": 2}),
        ("[&a {b: 1}, *a]", [{"b": 1}, {"b": 1}]),
        ("[&a 1, &a 2, *a]", [1, 2, 2]),
        ("{a: 1, a: 2}", {"a": 2}),
        ("18446744073709551615", 18446744073709552000),
    ],
)
def test_values_are_those_that_kubectl_reads(tmp_path: Path, text: str, value: object) -> None:
    read = one(tmp_path, f"apiVersion: a.b/v1\nkind: A\nmetadata: {{name: a}}\nv: {text}\n")["v"]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        "{null: a}",
        "{[a]: b}",
        "*a",
        "&a [*a]",
        "{<<: 5}",
        "!!int x",
        ".nan",
        "!!binary '%'",
        "{1: a, '1': b}",
    ],
)
def test_what_kubectl_does_not_read_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(ManifestError, match=r"own\.yaml is not YAML: line 5: "):
        load(manifest(tmp_path, f"# first\n{config('{}')}v: {text}\n".replace("data: {}\n", "")))


def test_aliases_of_aliases_do_not_fill_the_memory(tmp_path: Path) -> None:
    lines = ["a0: &a0 [1,1,1,1,1,1,1,1,1,1]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ManifestError, match="too many aliases"):
        load(manifest(tmp_path, "\n".join(lines)))


def test_several_json_objects_and_escaped_emoji_are_read(tmp_path: Path) -> None:
    first = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})
    second = json.dumps(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}, "data": {"a": "😀"}}
    )
    assert "\\ud83d" in second
    documents = load(manifest(tmp_path, f"{first}{second}\n"))
    assert documents[1]["data"] == {"a": "😀"}


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
    (tmp_path / "kustomization.yaml").rename(tmp_path / "Chart.yaml")
    with pytest.raises(ManifestError, match="is a Helm chart; render it: helm template NAME "):
        load(tmp_path)


def test_a_kustomization_needs_kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")

    def missing(name: str) -> Path:
        raise ToolMissing(name)

    monkeypatch.setattr(tools, "path", missing)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ManifestError, match="is a kustomization, which needs kubectl; build it"):
        load(tmp_path)


def pod(**container: Any) -> str:
    spec = {"containers": [{"name": "c", "image": "i", **container}]}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec})


def wrapped(style: str) -> str:
    lines = textwrap.indent(base64.encodebytes(b"a certificate" * 10).decode(), "    ")
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\ndata:\n  a: {style}\n{lines}"


PORT = {"containerPort": 80}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (
            pod(ports=[PORT, {**PORT, "protocol": "TCP"}]),
            r"containerPort 80 and protocol TCP twice",
        ),
        (pod(env=[{"name": "A"}, {"name": "A"}]), r"name A twice: spec\.containers\[0\]\.env\[0\]"),
        (pod(env=[{"name": "A", "value": 5}]), r"env\[0\]\.value no text but 5; put it in quotes"),
        (pod(ports=[None]), r"no object in spec\.containers\[0\]\.ports\[0\]"),
        (pod(readinessProbe={"httpGet": {"port": "80"}}), r"httpGet\.port '80'; a port's name"),
        (pod(name="C"), r"spec\.containers\[0\]\.name 'C'"),
        (config("{a: 5}"), r"data\.a no text but 5; put it in quotes"),
        (wrapped(">"), r"data\.a no base64; YAML has put spaces between its lines, so write '\|'"),
        (wrapped(""), r"data\.a no base64; YAML has put spaces"),
        (config("[]"), r"data no mapping but \[\]"),
        (config("{}").replace("name: a", "name: A"), r"in metadata\.name 'A'"),
        (
            config("{}").replace("name: a", "name: a, labels: {a: 5}"),
            r"metadata\.labels\.a no text",
        ),
        (config("{}").replace("name: a", "name: a, namespace: 5"), r"metadata\.namespace no text"),
    ],
)
def test_what_the_api_server_would_refuse_is_refused_with_its_field(
    tmp_path: Path, text: str, field: str
) -> None:
    with pytest.raises(ManifestError, match=rf"own\.yaml, document 1 \(\w+ \w+\) .*{field}"):
        load(manifest(tmp_path, text))


def test_fields_that_are_null_are_fields_that_are_not_there(tmp_path: Path) -> None:
    assert one(tmp_path, pod(ports=None, env=None, readinessProbe=None, command=None))
    assert one(tmp_path, pod(ports=[PORT, {**PORT, "protocol": "UDP"}]))


SHOP = ROOT / "manifests" / "app.yaml"
ODD = st.sampled_from(
    [None, "", 0, 5, -1, True, 1.5, "x", "8080", [], {}, [None], {"a": None}, [[]]]
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_value_of_any_type_is_used_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    documents = [value.value for value in values(SHOP.read_bytes())]
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(corpus.places(documents)))
        holder[key] = copy.deepcopy(data.draw(ODD))
    text = "".join(f"---\n{json.dumps(document)}\n" for document in documents)
    try:
        read = load(manifest(tmp_path_factory.getbasetemp(), text))
        routes(read)
        for document in read:
            assert identity_of(document)
    except (ManifestError, RouteError) as error:
        assert "\n" not in str(error)
