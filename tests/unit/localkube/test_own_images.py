"""Images of the user's own: what an archive holds, what is kept, what a node imports."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation import commands
from localkube import LocalKubeError, own_images
from localkube.spec import ClusterSpec

SHOP = "docker.io/library/shop:1"


def archive(folder: Path, files: dict[str, Any], name: str = "shop.tar") -> Path:
    with tarfile.open(folder / name, "w") as opened:
        for path, content in files.items():
            data = json.dumps(content).encode()
            member = tarfile.TarInfo(path)
            member.size = len(data)
            opened.addfile(member, io.BytesIO(data))
    return folder / name


def docker(folder: Path, *tags: str, name: str = "shop.tar") -> Path:
    return archive(folder, {"manifest.json": [{"RepoTags": list(tags) or None}]}, name)


@pytest.fixture(autouse=True)
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_images.project, "PRIVATE", tmp_path / ".demo")
    monkeypatch.setattr(own_images, "FOLDER", tmp_path / ".demo" / "images")


def test_the_names_are_those_that_docker_or_an_oci_layout_gives(tmp_path: Path) -> None:
    assert own_images.names(docker(tmp_path, "shop:1", "registry.example.com:5000/shop:2")) == [
        SHOP, "registry.example.com:5000/shop:2",
    ]  # fmt: skip
    notes = [
        {"annotations": {"io.containerd.image.name": "localhost/shop:1"}},
        {"annotations": {"org.opencontainers.image.ref.name": "shop:1"}},
        {"annotations": {"org.opencontainers.image.ref.name": "latest"}},
        {},
    ]
    layout = archive(tmp_path, {"./index.json": {"manifests": notes}, "oci-layout": {}})
    assert own_images.names(layout) == ["localhost/shop:1", SHOP]


@pytest.mark.parametrize("what", ["no tar", "no image", "no name"])
def test_what_is_no_image_is_refused_with_the_command_that_makes_one(
    what: str, tmp_path: Path
) -> None:
    file = tmp_path / "shop.tar"
    file.write_text("text")
    if what == "no image":
        archive(tmp_path, {"something": 1})
    elif what == "no name":
        docker(tmp_path)
    with pytest.raises(LocalKubeError, match=r"docker save NAME:TAG -o .*shop\.tar"):
        own_images.keep(file)
    assert not own_images.FOLDER.exists()


@given(
    st.sampled_from(["", "localhost/", "a.example/", "host:5000/", "team/", "docker.io/library/"]),
    st.sampled_from(["", ":1", "@sha256:abc"]),
)
def test_a_full_name_has_registry_and_tag_and_stays(registry: str, tag: str) -> None:
    full = own_images.full_name(f"{registry}shop{tag}")
    assert own_images.full_name(full) == full
    assert "/" in full and (":" in full.rpartition("/")[2] or "@" in full)
    assert full.endswith(f"shop{tag or ':latest'}")


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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(own_images, "_ctr", lambda *words: ran.append(" ".join(words[:2])))
    (node,) = ClusterSpec(str(tmp_path / "lab"), "east", 0, 1, 9000, {}).members
    node.folder.mkdir(parents=True)
    own_images.take(node)
    assert ran == []
    own_images.keep(docker(tmp_path, "shop:1"))
    own_images.take(node)
    own_images.take(node)
    assert ran == ["version", "images import"]
    own_images.drop("shop:1")
    own_images.take(node)
    assert ran[2:] == ["version", "images remove"]


def test_what_could_not_be_imported_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*words: str) -> None:
        if words[0] != "version":
            raise commands.Failed("no match for platform")

    monkeypatch.setattr(own_images, "_ctr", failing)
    (node,) = ClusterSpec(str(tmp_path / "lab"), "east", 0, 1, 9000, {}).members
    node.folder.mkdir(parents=True)
    own_images.keep(docker(tmp_path, "shop:1"))
    for _ in range(2):
        with pytest.raises(commands.Failed, match="no match for platform"):
            own_images.take(node)
