"""Fields of Kubernetes' own kinds: what an API server would refuse is refused, and nothing else."""

from __future__ import annotations

import contextlib
import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.documents import checks, quantity, rules, schema, waiting, workload
from components.documents.origin import ManifestError, Read
from components.documents.sources import load
from tests.support import corpus
from toolchain import tools

FREE = {"annotations", "binaryData", "capacity", "data", "default", "defaultRequest", "hard"}
FREE |= {"labels", "limits", "matchLabels", "max", "nodeSelector", "parameters", "properties"}
FREE |= {"requests", "selector", "stringData", "volumeAttributes"}
"""Fields whose mappings have keys of the user's own; `selector` is one in a Service."""

ANYTHING = {"additionalProperties", "default", "enum", "items", "status"}
"""Fields of a CustomResourceDefinition that take any value."""

PARSED = json.loads(schema.FILE.read_text())
WITH_STATUS = {
    key.split()[1] for key, name in PARSED["kinds"].items() if "status" in PARSED["types"][name]
}
CRD = "CustomResourceDefinition shops.example.com"
KNOWN = [each for each in corpus.documents() if each["apiVersion"] != corpus.CUSTOM]


def read(folder: Path, document: object, **more: Any) -> dict[str, Any]:
    file = folder / "own.json"
    file.write_text(json.dumps(document))
    (found,) = load(file, **more)
    return found


def steps(value: Any, path: str = "") -> list[tuple[Any, Any, str]]:
    """Return every mapping or list with each of its keys and the path of what is there."""
    found: list[tuple[Any, Any, str]] = []
    if isinstance(value, dict):
        for key, each in value.items():
            where = f"{path}.{key}" if path else key
            found += [(value, key, where), *steps(each, where)]
    elif isinstance(value, list):
        for number, each in enumerate(value):
            found += [(value, number, f"{path}[{number}]"), *steps(each, f"{path}[{number}]")]
    return found


def names(path: str) -> list[str]:
    return [name.partition("[")[0] for name in path.split(".")]


def is_any(path: str) -> bool:
    """Tell whether a field, or one that it is in, takes any value."""
    return path.startswith("spec.versions") and bool(ANYTHING & set(names(path)))


def test_whole_documents_are_taken_as_they_are() -> None:
    assert load(corpus.KINDS) == corpus.documents()


@pytest.mark.parametrize("change", corpus.changes("refused.yaml"), ids=str)
def test_what_a_server_refuses_is_refused_with_its_field(
    change: corpus.Change, tmp_path: Path
) -> None:
    with pytest.raises(ManifestError) as refusal:
        read(tmp_path, change.document)
    said = str(refusal.value)
    assert f"own.json, document 1 ({change.document['kind']} " in said
    assert change.says in said
    assert "\n" not in said


@pytest.mark.parametrize("change", corpus.changes("taken.yaml"), ids=str)
def test_what_a_server_takes_is_taken(change: corpus.Change, tmp_path: Path) -> None:
    read(tmp_path, change.document)


@pytest.mark.parametrize("document", KNOWN, ids=lambda each: each["kind"])
def test_a_field_that_does_not_exist_is_refused_wherever_it_is(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    holders = [("", document)]
    for holder, key, path in steps(document):
        if isinstance(holder[key], dict) and names(path)[-1] not in FREE and not is_any(path):
            holders.append((f"{path}.", holder[key]))
    for path, holder in holders:
        holder["noSuchField"] = 1
        with pytest.raises(ManifestError) as refusal:
            read(tmp_path, document)
        assert f"unknown field {path}noSuchField" in str(refusal.value)
        del holder["noSuchField"]


@pytest.mark.parametrize("document", KNOWN, ids=lambda each: each["kind"])
def test_a_value_that_no_field_can_have_is_refused_wherever_it_is(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    for holder, key, path in steps(document):
        if path in ("apiVersion", "kind", "metadata", "metadata.name") or is_any(path):
            continue
        kept, holder[key] = holder[key], [[]]
        with pytest.raises(ManifestError) as refusal:
            read(tmp_path, document)
        assert path in str(refusal.value)
        holder[key] = kept


@pytest.mark.parametrize("odd", [None, [], [None], {"a": None}, "x", 0], ids=repr)
@pytest.mark.parametrize("document", corpus.documents(), ids=lambda each: each["kind"])
def test_an_odd_value_ends_nothing_but_in_one_line(document: dict[str, Any], odd: object) -> None:
    for holder, key, path in steps(document):
        if path in ("apiVersion", "kind"):
            continue
        kept, holder[key] = holder[key], odd
        for later in (None, lambda error: None):
            with contextlib.suppress(ManifestError):
                (found,) = checks.checked([Read(document, "own.yaml", "document 1")], later=later)
                waiting.await_annotations(found)
                list(checks.undefined([found]))
                for _, template in workload.templates(found):
                    workload.probed_by(template.get("spec"), 80)
                    workload.readiness_path(template.get("spec"), 80)
        holder[key] = kept


@pytest.mark.parametrize("key", ["data", "stringData"])
def test_a_secret_with_nothing_behind_a_key_has_that_key(tmp_path: Path, key: str) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}
    assert read(tmp_path, {**secret, key: {"password": None}})[key] == {"password": ""}
    config = {**secret, "kind": "ConfigMap", "data": {"password": None}}
    assert read(tmp_path, config)["data"] == {"password": ""}


HIDDEN = "hunter"
"""What no message may show."""


@pytest.mark.parametrize("key", ["data", "stringData"])
@pytest.mark.parametrize(
    "value",
    [
        {"pin": 7203951},
        {"pin": True},
        {"pin": [HIDDEN]},
        {"pin": {HIDDEN: 1}},
        HIDDEN,
        [HIDDEN],
        7203951,
    ],
)
def test_no_message_shows_a_value_of_a_secret(tmp_path: Path, key: str, value: Any) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, key: value}
    with pytest.raises(ManifestError) as refused:
        read(tmp_path, secret)
    assert f"has in {key}" in str(refused.value)
    assert not {HIDDEN, "7203951", "True"} & set(re.findall(r"\w+", str(refused.value)))


@pytest.mark.parametrize("document", corpus.documents(), ids=lambda each: each["kind"])
def test_what_a_server_or_kubectl_has_noted_is_left_out(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    noted = {
        "uid": "7f5c2d0e-6f0b-4a58-8f0d-3a1d7f6d6c10", "resourceVersion": "812", "generation": 3,
        "creationTimestamp": "2026-11-30T08:00:00Z", "managedFields": [{"manager": "kubectl"}],
        "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "7f5c2d0e"}],
    }  # fmt: skip
    metadata = document["metadata"]
    kept = metadata.get("annotations", {})
    applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(document)}
    exported = {**document, "metadata": {**metadata, **noted, "annotations": {**kept, **applied}}}
    assert read(tmp_path, exported) == document


@pytest.mark.parametrize("document", corpus.documents(), ids=lambda each: each["kind"])
def test_a_status_that_kubectl_wrote_is_left_out(tmp_path: Path, document: dict[str, Any]) -> None:
    with_status = {**document, "status": {"conditions": []}}
    if document not in KNOWN:
        assert read(tmp_path, with_status) == with_status
    elif document["kind"] in WITH_STATUS:
        assert read(tmp_path, with_status) == document
    else:
        with pytest.raises(ManifestError, match="the unknown field status"):
            read(tmp_path, with_status)


def test_labels_that_are_null_are_empty_wherever_they_are(tmp_path: Path) -> None:
    labels = {"app": None}
    pod = {"nodeSelector": labels, "containers": [{"name": "c", "image": "i"}]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    found = read(tmp_path, of_kind("apps/v1", "Deployment", spec))["spec"]
    assert found["selector"]["matchLabels"] == found["template"]["spec"]["nodeSelector"]
    assert found["template"]["metadata"]["labels"] == {"app": ""}
    assert spec["template"]["metadata"]["labels"] == {"app": None}, "the document is left alone"


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["template", "spec", "containers", "a"]), inner, max_size=3
        )
    ),
)


@given(st.sampled_from(["Deployment", "Pod", "CronJob", "Rollout"]), ANY)
def test_kinds_that_no_schema_has_pass_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, kind: str, spec: Any
) -> None:
    document = {
        "apiVersion": "example.com/v1",
        "kind": kind,
        "metadata": {"name": "a"},
        "spec": spec,
    }
    assert read(tmp_path_factory.getbasetemp(), document) == document


def test_what_another_version_may_take_is_told_and_not_refused(tmp_path: Path) -> None:
    (change, *_) = corpus.changes("refused.yaml")
    changed = change.document
    changed["spec"]["strategy"]["type"] = "Gradual"
    del changed["spec"]["template"]["spec"]["containers"][0]["image"]
    told: list[ManifestError] = []
    assert read(tmp_path, changed, later=told.append) == changed
    assert len(told) == 3
    for wanted in ("field spec.replcas", "strategy.type 'Gradual'", "containers[0].image; add"):
        assert any(wanted in str(each) for each in told)
    changed["spec"]["replicas"] = "2"
    with pytest.raises(ManifestError, match=r"spec\.replicas no whole number but '2'"):
        read(tmp_path, changed, later=told.append)


def of_kind(version: str, kind: str, spec: Any = None) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": spec or {}}


@pytest.mark.parametrize(
    ("version", "kind", "words"),
    [
        ("policy/v1beta1", "PodDisruptionBudget", "use policy/v1"),
        ("extensions/v1beta1", "Ingress", "use networking.k8s.io/v1"),
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler", "use autoscaling/v1 or autoscaling/v2"),
        ("app/v1", "Deployment", "use apps/v1"),
        ("policy/v1beta1", "PodSecurityPolicy", "correct apiVersion or kind, or remove it"),
        ("v1", "configmap", "correct apiVersion or kind (did you mean ConfigMap?), or remove it"),
        ("storage.k8s.io/v1beta1", "StorageClass", "use storage.k8s.io/v1"),
    ],
)
def test_a_kind_that_kubernetes_does_not_have_in_that_version_is_refused(
    tmp_path: Path, version: str, kind: str, words: str
) -> None:
    with pytest.raises(ManifestError) as refusal:
        read(tmp_path, of_kind(version, kind))
    said = str(refusal.value)
    assert said.endswith(f"({kind} a) has the apiVersion {version}, which has no {kind}; {words}")
    told: list[ManifestError] = []
    read(tmp_path, of_kind(version, kind), later=told.append)
    assert [str(each) for each in told] == [said]


def test_a_group_that_an_api_service_serves_needs_no_dot(tmp_path: Path) -> None:
    reading = of_kind("readings/v1", "Reading")
    spec = {"group": "readings", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1}
    service = of_kind("apiregistration.k8s.io/v1", "APIService", spec)
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [service, reading]}))
    assert load(file) == [service, reading]
    with pytest.raises(ManifestError, match="has the apiVersion readings/v1, which has no Reading"):
        read(tmp_path, reading)


def test_a_custom_kind_that_no_document_defines_is_named() -> None:
    names = {"kind": "Cart", "plural": "carts"}
    versions = [{"name": "v1", "served": True}, {"name": "v1beta1", "served": False}]
    definition = of_kind(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        {"group": "shop.example.com", "names": names, "versions": versions},
    )
    service = of_kind(
        "apiregistration.k8s.io/v1", "APIService", {"group": "a.example.com", "version": "v1"}
    )
    known = [of_kind("shop.example.com/v1", "Cart"), of_kind("a.example.com/v1", "Any")]
    own = [*corpus.documents()[:-1], definition, service, *known]
    assert not list(checks.undefined(own))
    for version, kind in (
        ("shop.example.com/v1beta1", "Cart"),
        ("shop.example.com/v1", "Basket"),
        ("monitoring.coreos.com/v1", "ServiceMonitor"),
    ):
        (line,) = checks.undefined([*own, *[of_kind(version, kind)] * 2])
        assert line.startswith(f"no document of the manifest defines {kind} ({version}); ")


@pytest.mark.parametrize(
    ("given", "is_named"),
    [
        *(("pre-delete", True), ("post-delete, post-rollback", True)),
        *(("pre-install", False), ("test", False), ("post-upgrade,pre-delete", False)),
        *(("", False), (None, False)),
    ],
)
def test_a_hook_of_helm_that_would_run_too_early_is_named(given: Any, is_named: bool) -> None:
    job = of_kind("batch/v1", "Job")
    job["metadata"]["annotations"] = {"helm.sh/hook": given}
    words = f"Job a in namespace default: annotation helm.sh/hook says {given}, but it is applied"
    assert [each.startswith(words) for each in checks.hooks([job])] == [True] * is_named


def test_the_schema_is_of_the_kubernetes_that_is_built() -> None:
    assert tools.version("kubernetes").startswith(f"v{schema.version()}.")


def test_each_rule_is_of_a_field_that_the_schema_has() -> None:
    types = PARSED["types"]
    tables = (rules.REQUIRED, rules.NEEDED, rules.EXCLUSIVE, rules.CHOICES, rules.RANGES)
    for table in (*tables, rules.PERCENTAGES, rules.SUBDOMAINS, rules.LABELS, rules.DROPPED):
        for name, named in table.items():
            assert set(named) <= types[name].keys(), name
    for name, field in rules.PORT_NAMES.items():
        assert field in types[name]


@given(st.integers(0, 10**6), st.sampled_from(["", "m", "k", "Ki", "e3", "E-2", "Gi", "n"]))
def test_quantities_are_compared_by_what_they_amount_to(number: int, unit: str) -> None:
    assert quantity.is_quantity(f"{number}{unit}")
    assert quantity.amount(f"{number}{unit}") * 2 == quantity.amount(f"{2 * number}{unit}")
    assert quantity.amount("1Ki") == quantity.amount("1.024k") == quantity.amount(1024)
    assert quantity.amount("-.5") == -quantity.amount("500m") < 0 < quantity.amount("0.1n")
    assert not quantity.is_quantity(f"{number} {unit}x")


@pytest.mark.parametrize(
    ("of", "field", "value"),
    [
        ("Service a", "spec.ports.0.targetPort", 0),
        ("Service a", "spec.ports.0.targetPort", ""),
        ("Service a", "metadata.selfLink", "/api/v1/namespaces/default/services/a"),
        ("EndpointSlice a", "endpoints", []),
        ("EndpointSlice a", "ports", []),
        ("Role a:b", "rules", []),
        ("LimitRange a", "spec.limits", []),
        (CRD, "metadata.labels", {}),
        (CRD, "spec.names.categories", []),
        (CRD, "spec.versions.0.deprecated", False),
        (CRD, "spec.versions.0.schema.openAPIV3Schema.nullable", False),
        ("Shop a", "metadata.finalizers", []),
    ],
)
def test_what_a_server_never_gives_back_is_left_out(
    tmp_path: Path, of: str, field: str, value: object
) -> None:
    """Each update would find another value, and change the object again."""
    changed = corpus.Change(of, field, value).document
    assert read(tmp_path, changed) == without(changed, field)


def without(document: dict[str, Any], field: str) -> dict[str, Any]:
    """Return the document without a field, which it has."""
    *path, last = [int(key) if key.isdigit() else key for key in field.split(".")]
    copied: dict[str, Any] = copy.deepcopy(document)
    holder: Any = copied
    for key in path:
        holder = holder[key]
    del holder[last]
    return copied


def test_what_means_something_though_it_is_empty_stays(tmp_path: Path) -> None:
    field = "spec.versions.0.schema.openAPIV3Schema.properties"
    properties = {"a": {"type": "array", "default": [], "minItems": 0}, "nullable": {}}
    document = corpus.Change(CRD, field, properties).document
    assert read(tmp_path, document) == document
    custom = {"apiVersion": "example.com/v1", "kind": "Shop", "metadata": {"name": "a"}}
    assert read(tmp_path, {**custom, "spec": {"a": [], "b": ""}})["spec"] == {"a": [], "b": ""}


@pytest.mark.parametrize("later", [None, lambda error: None], ids=["local", "existing"])
def test_a_node_is_no_object_of_a_stack(tmp_path: Path, later: Any) -> None:
    """A server would keep its status when it is made, and never after."""
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}, "status": {}}
    with pytest.raises(ManifestError, match=r"\(Node a\) stands for a machine, .*label node a"):
        read(tmp_path, node, later=later)


@pytest.mark.parametrize("stored", [[True, None], [None, True], [None, None], [True, True]])
def test_one_version_of_a_definition_is_stored_and_others_need_not_say_that_they_are_not(
    tmp_path: Path, stored: list[bool | None]
) -> None:
    schema = {"openAPIV3Schema": {"type": "object"}}
    versions = [
        {"name": f"v{n}", "served": True, "schema": schema} | ({"storage": each} if each else {})
        for n, each in enumerate(stored, 1)
    ]
    names = {"plural": "foos", "kind": "Foo"}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "foos.example.com"},
        "spec": {"group": "example.com", "scope": "Cluster", "names": names, "versions": versions},
    }
    if stored.count(True) == 1:
        assert read(tmp_path, definition) == definition
    else:
        with pytest.raises(ManifestError, match=r"has in spec\.versions \d with storage: true"):
            read(tmp_path, definition)
