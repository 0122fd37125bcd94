"""What an archive of container images holds: their names, and the platforms that they are for.

It is what docker, podman, buildah, skopeo and crane write: an OCI layout in a tar file
(https://github.com/opencontainers/image-spec/blob/main/image-layout.md), or Docker's own format.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import json
import lzma
import platform
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from localkube import LocalKubeError
from toolchain import published

_NAME = "io.containerd.image.name"
_REFERENCE = "org.opencontainers.image.ref.name"

_DAMAGED = (
    tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError, KeyError, TypeError,
    AttributeError,
)  # fmt: skip

_OPENERS: Mapping[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
"""First bytes of a compressed file -> what reads it. containerd does not know all of these."""

_ZSTD = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True)
class Image:
    """An image of an archive."""

    name: str
    """Its full name, by which pods find it."""
    imported: str
    """What containerd calls it after an import: names of an OCI layout stay as they are."""
    platforms: frozenset[str]
    """What it is for and is in the archive, for example ``linux/amd64``."""


def read(archive: Path) -> dict[str, Image]:
    """Return the images of an archive by their names. Raises `LocalKubeError` without any."""
    with _readable(archive), tarfile.open(archive) as opened:
        found = {image.name: image for image in _images(_Content(opened))}
    if not found:
        raise LocalKubeError(
            f"no image in {archive} has a name; save it by one: docker save NAME:TAG -o NAME.tar"
        )
    return found


@contextlib.contextmanager
def _readable(archive: Path) -> Iterator[None]:
    """Raise `LocalKubeError` where the block meets what is no archive, or a damaged one."""
    try:
        yield
        return
    except _DAMAGED:
        pass
    except OSError as error:
        if error.errno:  # none is that of gzip or bz2
            raise
    with archive.open("rb") as content:
        if content.read(4) == _ZSTD:
            raise LocalKubeError(f"{archive} is compressed; unpack it first: zstd -d {archive}")
    raise LocalKubeError(
        f"{archive} is no archive of an image, or damaged; make one:"
        " docker save NAME:TAG -o NAME.tar"
    )


def check_platform(images: Mapping[str, Image], archive: Path) -> None:
    """Raise `LocalKubeError` where an image is for another kind of machine than this one."""
    wanted = f"linux/{published.ARCHITECTURES[platform.machine()]}"
    for image in images.values():
        if wanted not in image.platforms:
            there = ", ".join(sorted(image.platforms)) or "nothing that is in the archive"
            raise LocalKubeError(
                f"{image.name} in {archive} is for {there}, and this machine needs {wanted}: build"
                f" or pull it with --platform {wanted}, then save it again"
            )


def unpack(archive: Path, target: IO[bytes]) -> None:
    """Copy an archive, and take away the compression of the whole.

    Raises `LocalKubeError` for a damaged one, and OSError.
    """
    with _readable(archive), archive.open("rb") as plain:
        opener = _OPENERS.get(plain.read(2))
        plain.seek(0)
        with opener(plain) if opener else contextlib.nullcontext(plain) as content:
            shutil.copyfileobj(content, target, 1 << 20)


class _Content:
    """The documents of an archive, by their paths."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self.archive = archive
        self.members = {each.name.removeprefix("./"): each for each in archive.getmembers()}

    def document(self, path: str) -> Any:
        """Return a JSON document. Raises KeyError where there is none."""
        if (file := self.archive.extractfile(self.members[path])) is None:
            raise KeyError(path)
        return json.loads(file.read())

    def platforms(self, descriptor: Mapping[str, Any]) -> frozenset[str]:
        """Return the platforms of a manifest or an index, as far as they are in the archive.

        `docker save` of an image for several platforms may leave out all but one.
        """
        path = _blob(descriptor)
        if path not in self.members:
            return frozenset()
        document = self.document(path)
        if "manifests" in document:
            return frozenset().union(*map(self.platforms, document["manifests"]))
        return _platform(self.document(_blob(document["config"])))


def _images(content: _Content) -> Iterator[Image]:
    """Yield the images in the order in which containerd takes them.

    Where both formats are there, as `docker save` has it since 25, containerd reads the layout.
    """
    if "oci-layout" not in content.members:
        for image in content.document("manifest.json"):
            platforms = _platform(content.document(image["Config"]))
            for name in map(full_name, image.get("RepoTags") or ()):
                yield Image(name, name, platforms)
        return
    for image in content.document("index.json")["manifests"]:
        notes = image.get("annotations") or {}
        name = notes.get(_NAME) or notes.get(_REFERENCE, "")
        if ":" in name or "/" in name:  # else a tag alone
            yield Image(full_name(name), name, content.platforms(image))


def _blob(descriptor: Mapping[str, Any]) -> str:
    return "blobs/" + str(descriptor["digest"]).replace(":", "/")


def _platform(config: Mapping[str, Any]) -> frozenset[str]:
    """Return the platform of an image's configuration; none of what is no image: signatures."""
    found = f"{config.get('os', 'linux')}/{config.get('architecture', 'unknown')}"
    return frozenset() if found.endswith("/unknown") else frozenset({found})


def full_name(name: str) -> str:
    """Return the name of an image as containerd has it: with its registry and a tag."""
    registry, _, rest = name.partition("/")
    if not rest or not ("." in registry or ":" in registry or registry == "localhost"):
        registry, rest = "docker.io", name
    if registry in ("docker.io", "index.docker.io"):
        registry, rest = "docker.io", rest if "/" in rest else f"library/{rest}"
    is_tagged = ":" in rest.rpartition("/")[2] or "@" in rest
    return f"{registry}/{rest}" if is_tagged else f"{registry}/{rest}:latest"
