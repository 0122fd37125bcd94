"""What a killed update has made in a namespace that is not the stack's goes with the stack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foundation.commands import Failed
from foundation.contract import MARK_ANNOTATION
from launcher import unfinished

MARK = "west-0123"
URN = "urn:pulumi:west::project::demo:application:Application$kubernetes:core/v1:ConfigMap::"


def resource(name: str, mark: str = MARK) -> dict[str, Any]:
    annotations = {MARK_ANNOTATION: mark} if mark else {}
    metadata = {"name": name, "namespace": "retail", "annotations": annotations}
    inputs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "b"}}
    return {"urn": f"{URN}east-cluster/retail/{name}", "inputs": inputs}


def creating(name: str, mark: str = MARK) -> dict[str, Any]:
    return {"type": "creating", "resource": resource(name, mark)}


def named(latest: dict[str, Any]) -> list[str]:
    return [str(each) for each in unfinished.found(latest)]


def test_what_was_being_made_and_is_not_known_is_found() -> None:
    updating = {"type": "updating", "resource": resource("changed")}
    pending = [creating("info"), creating("known"), creating("shared", mark=""), updating]
    latest = {"resources": [resource("known")], "pending_operations": pending}
    assert named(latest) == ["ConfigMap info in namespace retail of east-cluster"]
    assert named({}) == named({"pending_operations": None}) == []


class Cluster:
    """A cluster with one object of a mark, or none; remembers what it was asked to do."""

    def __init__(self, mark: str | None) -> None:
        self.mark, self.asked = mark, list[str]()

    def kubectl(self, _: Path, each: unfinished.Unfinished, verb: str, *__: str) -> str:
        self.asked.append(f"{verb} {each.document['metadata']['name']}")
        if self.mark is None:
            return ""
        metadata = {"annotations": {MARK_ANNOTATION: self.mark}}
        return json.dumps({"kind": "ConfigMap", "metadata": metadata}) if verb == "get" else ""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    file = tmp_path / "west.json"
    latest = {"resources": None, "pending_operations": [creating("info")]}
    file.write_text(json.dumps({"checkpoint": {"latest": latest}}))
    return file


@pytest.mark.parametrize(
    ("mark", "asked"),
    [(MARK, ["get info", "delete info"]), ("another", ["get info"]), (None, ["get info"])],
)
def test_only_what_is_there_and_the_stacks_is_removed(
    state: Path, monkeypatch: pytest.MonkeyPatch, mark: str | None, asked: list[str]
) -> None:
    cluster = Cluster(mark)
    monkeypatch.setattr(unfinished, "_kubectl", cluster.kubectl)
    told = list(unfinished.remove(state, state))
    assert cluster.asked == asked
    assert bool(told) == (mark == MARK)


def test_a_cluster_that_does_not_answer_keeps_nobody_and_is_said(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kubectl(*_: Any) -> str:
        raise Failed("connection refused")

    monkeypatch.setattr(unfinished, "_kubectl", kubectl)
    (line,) = unfinished.remove(state, state)
    assert "ConfigMap info in namespace retail of east-cluster, which may be left there" in line
    assert line.endswith(": connection refused")


def test_a_cluster_that_is_silent_is_waited_for_once(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def kubectl(_: Path, each: Any, *__: Any) -> str:
        asked.append(each.cluster)
        raise Failed("no answer in 30 s")

    monkeypatch.setattr(unfinished, "_kubectl", kubectl)
    (one,) = unfinished.found(json.loads(state.read_text())["checkpoint"]["latest"])
    monkeypatch.setattr(unfinished, "found", lambda _: [one, one, one])
    assert len(list(unfinished.remove(state, state))) == 3
    assert asked == ["east-cluster"]


def test_kubectl_is_asked_by_the_name_alone(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def output(command: list[str], *, stdin: str, **_: Any) -> str:
        given.append((command[1:], json.loads(stdin)["items"]))
        return ""

    monkeypatch.setattr(unfinished.commands, "output", output)
    monkeypatch.setattr(unfinished.tools, "path", lambda _: "kubectl")
    assert list(unfinished.remove(state, Path("/k"))) == []
    ((command, (document,)),) = given
    assert command[-3:] == ["--kubeconfig=/k", "--context=east-cluster", "--filename=-"]
    metadata = {"name": "info", "namespace": "retail"}
    assert document == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


@pytest.mark.parametrize("text", ["", "{", "{}", '{"checkpoint": {"latest": null}}'])
def test_a_state_that_says_nothing_removes_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "west.json"
    file.write_text(text)
    assert list(unfinished.remove(file, file)) == []
    assert list(unfinished.remove(tmp_path / "none", file)) == []
