"""What the preview refuses is what an API server refuses: never anything that it would take."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from components.documents.origin import ManifestError
from components.documents.sources import load
from tests.support.api_server import ApiServer, api_server

pytestmark = pytest.mark.engine

CONTAINER: dict[str, Any] = {
    "name": "c",
    "image": "i",
    "command": ["a"],
    "ports": [{"name": "web", "containerPort": 80, "protocol": "TCP"}, {"containerPort": 81}],
    "env": [{"name": "A", "value": "b"}],
    "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    "readinessProbe": {"httpGet": {"path": "/", "port": "web"}},
    "livenessProbe": {"tcpSocket": {"port": 80}},
}
POD: dict[str, Any] = {
    "containers": [CONTAINER],
    "initContainers": [{"name": "s", "image": "i", "restartPolicy": "Always"}],
    "volumes": [{"name": "v", "configMap": {"name": "m", "defaultMode": 420}}],
    "nodeSelector": {"a": "b"},
}
LABELS = {"app": "a"}


def document(version: str, kind: str, **more: Any) -> dict[str, Any]:
    """Return a document that an API server takes."""
    metadata = {"name": "a", "labels": LABELS, "annotations": {"note": "b"}}
    whole = {"apiVersion": version, "kind": kind, "metadata": metadata, **more}
    return dict(json.loads(json.dumps(whole)))  # no two fields share a value


DOCUMENTS = [
    document("v1", "Pod", spec=POD),
    document(
        "apps/v1",
        "Deployment",
        spec={
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": POD},
        },
    ),
    document(
        "batch/v1",
        "CronJob",
        spec={
            "schedule": "* * * * *",
            "jobTemplate": {"spec": {"template": {"spec": {**POD, "restartPolicy": "Never"}}}},
        },
    ),
    document(
        "v1",
        "Service",
        spec={
            "selector": LABELS,
            "ports": [{"name": "web", "port": 80, "targetPort": "web"}],
        },
    ),
    document("v1", "ConfigMap", data={"a": "b"}, binaryData={"c": "aGk="}),
    document("v1", "Secret", data={"a": "aGk=\n"}, stringData={"b": "c"}),
]
ODD = st.sampled_from(
    [None, "", "A", "a b", "80", "web", "aGk", 0, 5, -1, 70000, True, 1.5, [], {}, [None], {"a": 5}]
)
BY_HAND = [
    (1, ["spec", "selector", "matchLabels", "app"], "other"),
    (1, ["spec", "selector"], None),
    (0, ["spec", "containers"], [CONTAINER, CONTAINER]),
    (0, ["spec", "initContainers", 0, "name"], "c"),
    (0, ["spec", "containers", 0, "env"], [{"name": "A"}, {"name": "A"}]),
    (0, ["spec", "containers", 0, "env", 0, "value"], 5),
    (0, ["spec", "containers", 0, "ports", 1, "containerPort"], 80),
    (0, ["spec", "containers", 0, "readinessProbe", "httpGet", "port"], "80"),
    (2, ["spec", "jobTemplate", "spec", "template", "spec", "containers", 0, "name"], "C"),
    (3, ["spec", "ports"], [{"port": 80}, {"port": 81}]),
    (3, ["spec", "ports", 0, "port"], "80"),
    (4, ["data", "a"], 5),
    (4, ["metadata", "labels", "app"], 5),
    (4, ["metadata", "labels", "app"], "a b"),
    (1, ["spec", "template", "spec", "volumes", 0, "name"], "V"),
    (0, ["spec", "containers", 0, "volumeMounts", 0, "mountPath"], None),
    (0, ["spec", "initContainers", 0, "restartPolicy"], True),
    (0, ["spec", "containers", 0, "image"], 1.5),
    (4, ["metadata", "name"], "A"),
    (5, ["data", "a"], "%"),
]
"""A document, a field, and a value that makes both refuse it."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("server")) as running:
        yield running


def refusal(changed: dict[str, Any], folder: Path) -> str:
    """Return why we refuse the document; empty if we do not."""
    file = folder / "own.json"
    file.write_text(json.dumps(changed))
    try:
        load(file)
    except ManifestError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("taken", DOCUMENTS, ids=lambda each: each["kind"])
def test_whole_documents_are_taken_by_both(
    taken: dict[str, Any], server: ApiServer, tmp_path: Path
) -> None:
    assert (refusal(taken, tmp_path), server.refusal(taken)) == ("", "")


@pytest.mark.parametrize(("number", "path", "value"), BY_HAND)
def test_broken_documents_are_refused_by_both(
    number: int, path: list[Any], value: Any, server: ApiServer, tmp_path: Path
) -> None:
    changed = json.loads(json.dumps(DOCUMENTS[number]))
    holder: Any = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    assert refusal(changed, tmp_path)
    assert server.refusal(changed)


def fields(value: Any) -> list[tuple[Any, Any]]:
    """Return every mapping or list in a value with each of its keys."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            found += [(value, key), *fields(value[key])]
    return found


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)
@given(data=st.data())
def test_nothing_is_refused_that_an_api_server_takes(
    data: st.DataObject, server: ApiServer, tmp_path: Path
) -> None:
    changed = copy.deepcopy(data.draw(st.sampled_from(DOCUMENTS)))
    inside = [
        each for key in changed.keys() - {"apiVersion", "kind"} for each in fields(changed[key])
    ]
    inside = [each for each in inside if each[0] is not changed["metadata"] or each[1] != "name"]
    holder, key = data.draw(st.sampled_from(inside))
    holder[key] = copy.deepcopy(data.draw(ODD))
    if said := refusal(changed, tmp_path):
        assert server.refusal(changed), (said, changed)
