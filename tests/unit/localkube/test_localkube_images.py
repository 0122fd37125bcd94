"""Images made offline, and the store that holds them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from foundation import files as locks
from localkube import image_layout, images
from localkube.image_layout import Image

SHELL = Path("/bin/sh")


@pytest.fixture
def image() -> Image:
    return Image(
        "example.com/sh:v1",
        {"/usr/local/bin/sh": SHELL},
        ["/usr/local/bin/sh"],
        {"/etc/passwd": "root:x:0:0::/:/bin/sh\n"},
        user="101:101",
    )


def archive(image: Image) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        image_layout.write_archive(image, made)
    return buffer.getvalue()


def files(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        return {
            member.name: content.read()
            for member in opened
            if (content := opened.extractfile(member))
        }


def test_every_blob_is_called_by_its_digest_and_every_descriptor_has_its_size(image: Image) -> None:
    found = files(archive(image))
    blobs = {name.split("/")[-1]: data for name, data in found.items() if "/" in name}
    assert all(hashlib.sha256(data).hexdigest() == name for name, data in blobs.items())
    (entry,) = json.loads(found["index.json"])["manifests"]
    manifest = json.loads(blobs[entry["digest"].removeprefix("sha256:")])
    for descriptor in (entry, manifest["config"], *manifest["layers"]):
        assert len(blobs[descriptor["digest"].removeprefix("sha256:")]) == descriptor["size"]


def test_the_archive_carries_the_images_name_and_user(image: Image) -> None:
    found = files(archive(image))
    (entry,) = json.loads(found["index.json"])["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == "example.com/sh:v1"
    configs = [json.loads(data) for data in found.values() if data.startswith(b'{"architecture"')]
    assert [config["config"]["User"] for config in configs] == ["101:101"]


def test_the_layer_holds_the_program_its_libraries_and_a_folder_for_all(image: Image) -> None:
    with tarfile.open(fileobj=io.BytesIO(image_layout.layer_of(image))) as layer:
        names = set(layer.getnames())
        assert layer.getmember("tmp").mode == 0o1777
    assert {"usr/local/bin/sh", "etc/passwd"} <= names
    libraries = {str(path).lstrip("/") for path in image_layout.linked(SHELL)}
    assert libraries and libraries <= names


def test_the_same_files_give_the_same_bytes(image: Image) -> None:
    assert archive(image) == archive(image)


def test_a_clone_shares_its_layers_but_not_its_databases(tmp_path: Path) -> None:
    source = tmp_path / "store"
    source.mkdir()
    (source / "layer").write_text("layer")
    (source / "meta.db").write_text("database")
    images.clone(source, tmp_path / "node")
    assert (tmp_path / "node/layer").samefile(source / "layer")
    assert not (tmp_path / "node/meta.db").samefile(source / "meta.db")
    assert (tmp_path / "node/meta.db").read_text() == "database"


def test_a_store_that_was_not_used_for_long_is_removed(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    long_ago = time.time() - images.UNUSED_SECONDS - 1
    os.utime(tmp_path / "old", (long_ago, long_ago))
    images.forget_unused(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_what_a_killed_command_left_of_a_store_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images.tools, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(images, "key", lambda: "key")
    monkeypatch.setattr(images, "build", lambda made: (made / "root").mkdir())
    (tmp_path / "images" / "arriving.left" / "root").mkdir(parents=True)
    assert images.store() == tmp_path / "images" / "key"
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["key"]


def test_of_two_commands_one_makes_the_store_and_the_other_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images.tools, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(images, "key", lambda: "key")
    began, built = threading.Event(), []

    def build(made: Path) -> None:
        began.set()
        (made / "root").mkdir()
        built.append(made)

    monkeypatch.setattr(images, "build", build)
    (tmp_path / "images").mkdir()
    with ThreadPoolExecutor() as threads:
        with locks.locked(tmp_path / "images"):
            other = threads.submit(images.store)
            assert not began.wait(0.2)
        assert other.result() == threads.submit(images.store).result() == images.store()
    assert len(built) == 1
