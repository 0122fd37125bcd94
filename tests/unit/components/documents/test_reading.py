"""Values and fields as kubectl and the API server read them, and which are refused."""

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
from components.documents.sources import load
from components.documents.value import ReadingError
from components.routing.annotations import RouteError
from components.routing.routes import routes
from foundation.identity import identity_of
from foundation.project import ROOT
from tests.support import corpus
from tests.support.own_manifest import config, manifest, one


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


@pytest.mark.parametrize(
    "text",
    [
        "pin: *hunter",
        "pin: &hunter {a: *hunter}",
        "{pin: !hunter, a: b}",
        "pin: !!int hunter",
        "pin: !!timestamp hunter",
        "pin: !!binary hunter?",
        'pin: "hunter\\q"',
        "pin: hunter: 1",
        '{"pin": 7203951720395172039517203951e999}',
    ],
)
def test_text_that_is_no_yaml_is_refused_without_its_values(text: str) -> None:
    """It may be a Secret's: a password may begin with a sign of YAML's own."""
    with pytest.raises(ReadingError) as refused:
        list(values(text.encode()))
    assert not any(part in str(refused.value) for part in ("hunter", "7203951"))
