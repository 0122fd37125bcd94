"""What starts when, while an API server comes up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import UserError
from localkube import own_images
from localkube.api import Api, ApiError
from localkube.inside import bringup
from localkube.spec import ClusterSpec


class Node:
    """An API server that says `answers` one after another, and the supervisor beside it."""

    def __init__(self, answers: list[Exception | str]) -> None:
        self.answers = answers
        self.events: list[str] = []
        self.is_new = True

    def call(self, method: str, path: str, *_: Any) -> Any:
        if method == "PATCH":
            self.events.append("add-on")
            return {}
        answer = self.answers.pop(0)
        self.events.append(str(answer))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def start(self, name: str) -> None:
        self.events.append(name)

    def states(self) -> dict[str, Any]:
        return dict.fromkeys((bringup.FIRST, *bringup.DEFERRED))


@pytest.fixture
def cluster(tmp_path: Path) -> ClusterSpec:
    spec = ClusterSpec(lab=str(tmp_path), name="east", index=0, nodes=1, api_port=1)
    spec.members[0].folder.mkdir(parents=True)
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
    (spec.members[0].folder / "addons.json").write_text(json.dumps([document]))
    spec.save()
    return spec


def run(node: Node, cluster: ClusterSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api.__new__(Api)
    monkeypatch.setattr(api, "call", node.call)
    monkeypatch.setattr(bringup.Api, "from_file", lambda *_: api)
    monkeypatch.setattr(bringup, "Supervisor", lambda: node)

    def write(spec: ClusterSpec) -> bool:
        node.events.append(f"into {spec.name}")
        return node.is_new

    def record(_: Api, others: set[str]) -> None:
        node.events.append(f"noted but {', '.join(others)}")

    monkeypatch.setattr(bringup.bootstrap_objects, "write", write)
    monkeypatch.setattr(bringup.bootstrap_objects, "record", record)
    bringup.main(cluster.folder, 1)


def test_the_kubelet_starts_at_the_first_answer_and_the_rest_when_the_server_is_ready(
    cluster: ClusterSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, unready = ConnectionRefusedError("refused"), ApiError(500, "unready")
    node = Node([refused, unready, unready, "ok"])
    run(node, cluster, monkeypatch)
    first = ["into east", "refused", "unready", bringup.FIRST, "unready", "ok"]
    assert node.events == [*first, *bringup.DEFERRED, "add-on", "noted but n"]


def test_a_cluster_that_has_run_before_writes_nothing_down(
    cluster: ClusterSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node(["ok", "ok"])
    node.is_new = False
    run(node, cluster, monkeypatch)
    assert node.events[-1] == "add-on"


def test_an_api_server_that_never_comes_is_a_failure_and_starts_nothing(
    cluster: ClusterSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bringup, "API_SECONDS", 0)
    node = Node([ConnectionRefusedError("refused")])
    with pytest.raises(SystemExit, match="no API server"):
        run(node, cluster, monkeypatch)
    assert node.events == ["into east", "refused"]


@pytest.mark.parametrize("problem", [UserError("no room"), OSError(28, "No space left")])
def test_an_image_of_the_users_that_fails_keeps_no_cluster_from_starting(
    problem: Exception,
    cluster: ClusterSpec,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def take(_: object) -> None:
        raise problem

    (cluster.members[0].folder / "own-images.json").touch()
    monkeypatch.setattr(own_images, "take", take)
    node = Node(["ok", "ok"])
    run(node, cluster, monkeypatch)
    assert "add-on" in node.events
    assert f"images of your own: {problem}" in capsys.readouterr().out
