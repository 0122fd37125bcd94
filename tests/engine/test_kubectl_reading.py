"""Manifests are read as kubectl itself reads them: the same objects, or refused by both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from components.documents import sources
from components.documents.reading import objects, values
from components.documents.value import ReadingError
from tests.support import kubectl_reading
from tests.support.manifest_texts import HEAD, JSON, SCALARS, TEXTS

pytestmark = pytest.mark.engine

STRICTER = (":}", ":]", ":,", "\\/", "\\'")
"""Parts that libyaml refuses and go-yaml reads: a colon at the end of a flow, two escapes."""


def ours(text: bytes) -> list[Any] | str:
    """Return the objects that we read, or why we do not."""
    try:
        return [each for document in values(text) for each in objects(document.value)]
    except ReadingError as error:
        return str(error)


def is_stricter(text: bytes, refusal: str) -> bool:
    """Tell whether we refuse what kubectl may read.

    kubectl looks at keys and numbers after a key that is there twice has lost its first value. An
    item that is a tag alone, right before a comma, it leaves out without a word.
    """
    late = ("are one key", "a key cannot be", "JSON does not have", "is too large")
    known = any(part in refusal for part in (*late, "for a part of the tag"))
    return known or any(part.encode() in text for part in STRICTER)


def comparable(found: list[Any]) -> Any:
    """Return the objects as text, without what kubectl adds and with numbers as JSON has them."""
    for each in found:
        metadata = each.get("metadata")
        if isinstance(metadata, dict | None):
            each["metadata"] = {**(metadata or {}), "annotations": {}}
    return json.dumps(_floats(found), sort_keys=True)


def _floats(value: Any) -> Any:
    """Return the value with integers that only a float can be as floats."""
    if isinstance(value, dict):
        return {key: _floats(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_floats(each) for each in value]
    is_large = isinstance(value, int) and abs(value) >= 2**63
    return float(value) if is_large else value


def check(texts: list[bytes], folder: Path) -> None:
    for text, theirs in zip(texts, kubectl_reading.objects(texts, folder), strict=True):
        mine = ours(text)
        if isinstance(mine, str):
            assert theirs is None or is_stricter(text, mine), (text, mine)
        else:
            assert theirs is not None and comparable(mine) == comparable(theirs), text


def test_texts_by_hand_are_read_alike(tmp_path: Path) -> None:
    encoded = [text.encode(errors="surrogatepass") for text in TEXTS]
    encoded += [HEAD.encode("utf-16"), HEAD.encode() + b'v: "\xff"\n']
    check(encoded, tmp_path)


def scalars() -> st.SearchStrategy[str]:
    signs = st.text(st.sampled_from("0123456789_+-.eExobXOBaftnyYN:~<=T Z"), min_size=1, max_size=8)
    return st.one_of(
        st.sampled_from([each for each in SCALARS if "\n" not in each]),
        signs.map(str.strip).filter(bool),
        st.integers(-(2**65), 2**65).map(str),
        st.floats().map(repr),
        st.text(max_size=6).map(json.dumps),
    )


def texts() -> st.SearchStrategy[str]:
    flow = st.recursive(
        scalars(),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4).map(lambda each: f"[{', '.join(each)}]"),
            st.lists(st.tuples(scalars(), inner), max_size=4).map(
                lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
            ),
        ),
        max_leaves=8,
    )
    block = st.lists(st.tuples(scalars(), flow), max_size=4).map(
        lambda pairs: "".join(f"{key}: {value}\n" for key, value in pairs)
    )
    lines = st.lists(st.sampled_from(["---\n", "--- # c\n", "# c\n", "\n", "...\n", "  \n"]))
    document = st.tuples(st.sampled_from([HEAD, f"{JSON}}}\n", ""]), block, lines).map(
        lambda parts: "".join((*parts[:2], *parts[2]))
    )
    return st.lists(document, min_size=1, max_size=3).map("---\n".join)


def test_generated_texts_are_read_alike(tmp_path: Path) -> None:
    drawn: list[str] = []

    # One kubectl reads all texts: it is too slow to be asked about each.
    @settings(max_examples=600, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(texts())
    def draw(text: str) -> None:
        drawn.append(text)

    draw()
    check([text.encode() for text in drawn], tmp_path)


def test_a_kustomization_is_what_kubectl_makes_of_it(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    kustomization = tmp_path / "kustomization.yaml"
    kustomization.write_text("namespace: shop\nnamePrefix: my-\nresources: [app.yaml]\n")
    (document,) = sources.load(tmp_path)
    assert document["metadata"] == {"name": "my-a", "namespace": "shop"}
    kustomization.write_text("resources: [none.yaml]\n")
    with pytest.raises(
        sources.ManifestError, match=r"kubectl kustomize .* fails: .*none"
    ) as refusal:
        sources.load(tmp_path)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "secretGenerator: [{name: a, literals: [hunter]}]",
        "patches: [{patch: 'stringData: {pin: hunter}'}]",
        "resources: [secret.yaml]",
        "resources: [number.yaml]",
        "resources: [number.yaml]\npatches: [{path: patch.yaml}]",
        "secretGenerator: [{name: a, files: [hunter=a=b]}]",
        "secretGenerator: [{name: a, envs: [lines]}]",
    ],
)
def test_what_a_kustomization_fails_by_is_told_without_values(text: str, tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text(text)
    secret = "{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {pin: *hunter }}"
    (tmp_path / "secret.yaml").write_text(secret)
    (tmp_path / "number.yaml").write_text(secret.replace("*hunter", "!!int hunter"))
    (tmp_path / "patch.yaml").write_text(secret.replace("{pin: *hunter }", "hunter"))
    (tmp_path / "lines").write_text("hunter two\n")
    with pytest.raises(sources.ManifestError) as refused:
        sources.load(tmp_path)
    assert "hunter" not in str(refused.value)
