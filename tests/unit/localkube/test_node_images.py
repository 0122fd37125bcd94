"""Images of another version of the program, in the nodes of a cluster that runs."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from foundation import commands
from localkube import LocalKubeError, health, images, node_images
from localkube.dynamic import ClusterProvider
from localkube.image_layout import Image
from localkube.spec import ClusterSpec
from localkube.supervisord_config import find

OLD, NEW = "docker.io/envoyproxy/envoy:v1", "docker.io/envoyproxy/envoy:v2"


class Nodes:
    """Stand-ins for the containerds of a cluster's nodes, by the process of each."""

    def __init__(self) -> None:
        self.held: dict[int, list[str]] = {41: [OLD], 42: [OLD]}
        self.imported: list[tuple[int, bool]] = []
        self.problem = ""

    def output(self, command: list[str]) -> str:
        process = next(int(word[9:]) for word in command if word.startswith("--target="))
        assert command[command.index("--namespace") + 1] == "k8s.io"
        if command[-2:] == ["list", "--quiet"]:
            return "".join(f"{name}\n" for name in self.held[process])
        assert command[-2] == "import"
        if self.problem:
            raise commands.Failed(self.problem)
        self.imported.append((process, tarfile.is_tarfile(command[-1])))
        self.held[process].append(NEW)
        return ""


@pytest.fixture
def spec(tmp_path: Path) -> ClusterSpec:
    made = ClusterSpec(str(tmp_path / "lab"), "east", 0, 2, 9000, {})
    made.folder.mkdir(parents=True)
    return made


@pytest.fixture
def nodes(spec: ClusterSpec, monkeypatch: pytest.MonkeyPatch) -> Nodes:
    """The nodes, as an earlier version has left them."""
    known = Nodes()
    bash = Path("/bin/bash")
    made = {each: Image(each, {"/bin/bash": bash}, []) for each in (OLD, NEW)}
    processes = dict(zip([each.name for each in spec.members], known.held, strict=True))
    monkeypatch.setattr(node_images, "find", lambda file: processes.get(file.parent.name))
    monkeypatch.setattr(node_images.commands, "output", known.output)
    monkeypatch.setattr(node_images.tools, "path", Path)
    monkeypatch.setattr(images, "of_program", lambda: [made[OLD]])
    node_images.note(spec)
    monkeypatch.setattr(images, "of_program", lambda: [made[NEW]])
    return known


def test_each_node_gets_the_image_once(spec: ClusterSpec, nodes: Nodes) -> None:
    assert not node_images.is_complete(spec)
    node_images.complete(spec)
    assert nodes.imported == [(41, True), (42, True)]
    assert node_images.is_complete(spec)
    nodes.held.clear()  # no node is asked again
    node_images.complete(spec)
    assert not (spec.folder / "arriving").exists(), "a copy of the archive stays"


@pytest.mark.parametrize("noted", [None, "", "[]"])
def test_of_what_is_not_noted_a_node_keeps_what_it_has(
    spec: ClusterSpec, nodes: Nodes, noted: str | None
) -> None:
    note = spec.folder / "images.json"
    note.unlink() if noted is None else note.write_text(noted)
    nodes.held[41].append(NEW)
    node_images.complete(spec)
    assert nodes.imported == [(42, True)]
    assert node_images.is_complete(spec)


def test_what_fails_is_told_and_is_tried_again(spec: ClusterSpec, nodes: Nodes) -> None:
    nodes.problem = "no space left on device"
    with pytest.raises(LocalKubeError) as failed:
        node_images.complete(spec)
    stack = Path(spec.lab).parent.name  # not the one that ./demo takes where none is named
    assert str(failed.value) == (
        "containerd of east-1 takes no image: no space left on device; see `./demo local logs east"
        f" containerd --stack {stack}`, then run ./demo up {stack}"
    )
    assert not node_images.is_complete(spec)
    nodes.problem = ""
    node_images.complete(spec)
    assert len(nodes.imported) == 2


def test_a_node_without_power_is_told(
    spec: ClusterSpec, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_images, "find", find)
    again = rf"east-1 has lost its power: run \./demo up {Path(spec.lab).parent.name}$"
    with pytest.raises(LocalKubeError, match=again):
        node_images.complete(spec)


def test_a_healthy_cluster_that_lacks_an_image_is_updated_and_not_replaced(
    spec: ClusterSpec, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "is_healthy", lambda *_: True)
    known: dict[str, Any] = {**vars(spec), "identity": "one", "kubeconfig": ""}
    found = ClusterProvider().diff("", known, known)
    assert (found.changes, found.replaces) == (True, [])
    node_images.complete(spec)
    assert not ClusterProvider().diff("", known, known).changes
