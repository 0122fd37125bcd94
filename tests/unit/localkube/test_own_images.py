"""Images of the user's own: what an archive holds, what is kept, what a node imports."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from foundation import commands
from localkube import LocalKubeError, image_archive, own_images
from localkube.spec import ClusterSpec, Node
from tests.support.image_archives import REFERENCE, SHOP, Layout, archive, docker


@pytest.fixture(autouse=True)
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_images.project, "PRIVATE", tmp_path / ".demo")
    monkeypatch.setattr(own_images, "FOLDER", tmp_path / ".demo" / "images")
    monkeypatch.setattr(image_archive.platform, "machine", lambda: "x86_64")


@pytest.fixture
def node(tmp_path: Path) -> Node:
    (only,) = ClusterSpec(str(tmp_path / "lab"), "east", 0, 1, 9000, {}).members
    only.folder.mkdir(parents=True)
    return only


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a node's ctr was told, but for questions of its version."""
    told: list[str] = []

    def ctr(*words: str) -> None:
        if words[0] != "version":
            told.append(" ".join(Path(word).name if "import" in words else word for word in words))

    monkeypatch.setattr(own_images, "_ctr", ctr)
    return told


@pytest.mark.parametrize("what", ["no tar", "no image", "no name"])
def test_what_is_no_image_is_refused_with_the_command_that_makes_one(
    what: str, tmp_path: Path
) -> None:
    """The command writes another file: the one that was named may be dear to somebody."""
    file = tmp_path / "shop.tar"
    file.write_text("text")
    if what == "no image":
        archive(tmp_path, {"something": 1})
    elif what == "no name":
        docker(tmp_path)
    with pytest.raises(LocalKubeError, match=r"shop\.tar.* docker save NAME:TAG -o NAME\.tar$"):
        own_images.keep(file)
    assert not own_images.FOLDER.exists()


def test_an_image_of_the_same_name_takes_the_place_of_the_former(tmp_path: Path) -> None:
    own_images.keep(docker(tmp_path, "shop:1"))
    own_images.keep(docker(tmp_path, "shop:1"))
    (first,) = own_images.kept()
    assert first.stat().st_mode & 0o777 == 0o600
    own_images.keep(docker(tmp_path, "shop:1", "shop:2"))
    own_images.keep(docker(tmp_path, "bank:1", name="bank.tar"))
    assert sorted(own_images.kept().values()) == [
        ["docker.io/library/bank:1"], [SHOP, "docker.io/library/shop:2"],
    ]  # fmt: skip
    own_images.drop("bank:1")
    with pytest.raises(LocalKubeError, match=r"no image .*bank:1 was loaded; there are: .*shop:1"):
        own_images.drop("bank:1")


def test_a_node_takes_what_is_new_drops_what_is_gone_and_then_has_nothing_to_do(
    tmp_path: Path, node: Node, ran: list[str]
) -> None:
    own_images.take(node)
    assert ran == []
    own_images.keep(docker(tmp_path, "shop:1"))
    (file,) = own_images.kept()
    own_images.take(node)
    own_images.take(node)
    assert ran == [f"images import {file.name}"]
    own_images.drop("shop:1")
    own_images.take(node)
    assert ran[1:] == [f"images remove {SHOP}"]


def test_an_image_gets_the_name_that_a_kubelet_asks_for(
    tmp_path: Path, node: Node, ran: list[str]
) -> None:
    layout = Layout()
    layout.add(layout.image("amd64"), **{REFERENCE: "shop:1"})
    own_images.keep(layout.write(tmp_path))
    own_images.take(node)
    assert ran[1:] == [f"images tag --force shop:1 {SHOP}", "images remove shop:1"]


def test_an_image_that_fails_keeps_no_other_out_and_is_tried_again(
    tmp_path: Path, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = own_images.keep(docker(tmp_path, "bad:1"))
    (file,) = own_images.kept()
    own_images.keep(docker(tmp_path, "shop:1"))
    ran: list[str] = []

    def ctr(*words: str) -> None:
        ran.extend(Path(word).name for word in words if word.endswith(".tar"))
        if str(file) in words:
            raise commands.Failed("content digest not found")

    monkeypatch.setattr(own_images, "_ctr", ctr)
    for tried in (2, 1):
        with pytest.raises(commands.Failed, match=rf"{bad[0]}: content .*unload {bad[0]}\)$"):
            own_images.take(node)
        assert len(ran) == tried
        ran.clear()
    own_images.drop("bad:1")
    own_images.take(node)
    assert ran == []


def test_a_torn_note_of_a_node_is_written_anew(tmp_path: Path, node: Node, ran: list[str]) -> None:
    (node.folder / "own-images.json").write_text("")
    own_images.keep(docker(tmp_path, "shop:1"))
    own_images.take(node)
    assert list(json.loads((node.folder / "own-images.json").read_text()).values()) == [[SHOP]]


def test_a_full_disk_takes_no_image_away_and_keeps_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_images.keep(docker(tmp_path, "shop:1"))
    before = own_images.kept()

    def full(_file: Path, target: Any) -> None:
        target.write(b"a part")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(image_archive, "unpack", full)
    with pytest.raises(OSError, match="No space left"):
        own_images.keep(docker(tmp_path, "shop:1", "shop:2"))
    assert own_images.kept() == before and [*own_images.FOLDER.iterdir()] == [*before]


def test_what_a_killed_command_has_left_goes(tmp_path: Path) -> None:
    own_images.FOLDER.mkdir(parents=True)
    (own_images.FOLDER / "arriving").write_text("a part, longer than the next" * 1000)
    own_images.keep(docker(tmp_path, "shop:1"))
    assert [*own_images.FOLDER.iterdir()] == [*own_images.kept()]


def test_a_node_says_why_in_one_line(
    tmp_path: Path, node: Node, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(_node: Node) -> None:
        raise commands.Failed("no room")

    node.cluster.save()
    monkeypatch.setattr(own_images, "take", failing)
    assert own_images.main([str(node.cluster.folder), "1"]) == 1
    assert capsys.readouterr().err == "error: no room\n"
