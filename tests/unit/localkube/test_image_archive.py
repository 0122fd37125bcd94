"""Archives of images as docker, podman, buildah, skopeo and crane write them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localkube import LocalKubeError, image_archive
from localkube.image_archive import Image, check_platform, full_name, read
from tests.support.image_archives import NAME, REFERENCE, SHOP, Layout, docker

AMD = frozenset({"linux/amd64"})


def test_docker_and_crane_give_names_that_containerd_makes_full(tmp_path: Path) -> None:
    tags = ("shop:1", "index.docker.io/bank", "registry.example.com:5000/shop:2")
    assert list(read(docker(tmp_path, *tags)).values()) == [
        Image(name, name, AMD)
        for name in (SHOP, "docker.io/library/bank:latest", "registry.example.com:5000/shop:2")
    ]


@pytest.mark.parametrize("before", ["", "./"])
def test_a_layouts_names_are_imported_as_they_are(tmp_path: Path, before: str) -> None:
    """As buildah and skopeo write `oci-archive:FILE:shop:1`, and podman with its registry."""
    layout = Layout()
    for notes in (
        {REFERENCE: "localhost/shop:1"},
        {REFERENCE: "shop:1"},
        {NAME: "docker.io/library/bank:1", REFERENCE: "1"},
        {REFERENCE: "latest"},
        {},
    ):
        layout.add(layout.image("amd64"), **notes)
    assert list(read(layout.write(tmp_path, before)).values()) == [
        Image("localhost/shop:1", "localhost/shop:1", AMD),
        Image(SHOP, "shop:1", AMD),
        Image("docker.io/library/bank:1", "docker.io/library/bank:1", AMD),
    ]


def test_of_both_formats_the_layout_counts_as_for_containerd(tmp_path: Path) -> None:
    layout = Layout()
    layout.add(layout.image("amd64"), **{NAME: SHOP})
    layout.files["manifest.json"] = [{"RepoTags": ["other:1"], "Config": "sha256:1"}]
    assert list(read(layout.write(tmp_path))) == [SHOP]


def test_an_index_is_for_the_platforms_whose_manifests_are_there(tmp_path: Path) -> None:
    """`docker save` keeps an index whole, and of its images those that were pulled."""
    layout = Layout()
    attestation = layout.blob({"config": layout.blob({"os": "unknown", "architecture": "unknown"})})
    index = layout.index(
        layout.image("amd64", there=False), layout.image("arm64"), layout.image("s390x"),
        attestation,
    )  # fmt: skip
    layout.add(index, **{NAME: SHOP})
    assert read(layout.write(tmp_path))[SHOP].platforms == {"linux/arm64", "linux/s390x"}


def test_an_image_for_another_machine_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = docker(tmp_path, "shop:1", architecture="arm64")
    monkeypatch.setattr(image_archive.platform, "machine", lambda: "aarch64")
    check_platform(read(file), file)
    monkeypatch.setattr(image_archive.platform, "machine", lambda: "x86_64")
    with pytest.raises(LocalKubeError, match=r"is for linux/arm64, .* with --platform linux/amd64"):
        check_platform(read(file), file)


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: data[:-9]])
@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_archive_is_unpacked_and_a_damaged_one_refused(
    tmp_path: Path, compress: Callable[[bytes], bytes], damage: Callable[[bytes], bytes]
) -> None:
    file = docker(tmp_path, "shop:1")
    plain = file.read_bytes()
    file.write_bytes(compress(plain))
    assert list(read(file)) == [SHOP]
    target = io.BytesIO()
    image_archive.unpack(file, target)
    assert target.getvalue() == plain
    if compress is not bytes:
        file.write_bytes(damage(compress(plain)))
        with pytest.raises(LocalKubeError, match="no archive of an image, or damaged"):
            read(file)
            image_archive.unpack(file, target)  # the end of a tar file is not looked at


def test_what_python_cannot_unpack_is_named_with_what_can(tmp_path: Path) -> None:
    (tmp_path / "shop.tar.zst").write_bytes(b"\x28\xb5\x2f\xfd damaged")
    with pytest.raises(LocalKubeError, match=r"unpack it first: zstd -d .*shop\.tar\.zst"):
        read(tmp_path / "shop.tar.zst")


@given(
    st.sampled_from(
        ["", "localhost/", "a.example/", "host:5000/", "team/", "docker.io/library/", "docker.io/"]
    ),
    st.sampled_from(["", ":1", "@sha256:abc"]),
)
def test_a_full_name_has_registry_and_tag_and_stays(registry: str, tag: str) -> None:
    full = full_name(f"{registry}shop{tag}")
    assert full_name(full) == full
    assert "/" in full and (":" in full.rpartition("/")[2] or "@" in full)
    assert full.endswith(f"shop{tag or ':latest'}")
    assert not full.startswith("docker.io/shop")
