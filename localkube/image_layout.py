"""Writes container images: a program, the shared libraries that it is linked with and a few files.

Format: https://github.com/opencontainers/image-spec (image layout, version 1.0.0).
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import re
import subprocess
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from toolchain import published


@dataclass(frozen=True)
class Image:
    """An image: files of this machine and where they go."""

    reference: str
    programs: dict[str, Path]
    """Path in the image -> file of this machine; shared libraries are added by themselves."""
    entrypoint: list[str]
    texts: dict[str, str] = field(default_factory=dict)
    """Path in the image -> content of a small file."""
    user: str = ""


def write_archive(image: Image, archive: tarfile.TarFile) -> None:
    """Write the image as an OCI layout. The same files give the same bytes."""
    layer = layer_of(image)
    architecture = published.ARCHITECTURES[platform.machine()]
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Entrypoint": image.entrypoint,
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
            "User": image.user,
        },
        "rootfs": {"type": "layers", "diff_ids": [sha256(layer)]},
    }
    blobs = {sha256(layer): layer}

    def descriptor(kind: str, data: bytes, **more: object) -> dict[str, object]:
        blobs[sha256(data)] = data
        media_type = f"application/vnd.oci.image.{kind}"
        return {"mediaType": media_type, "digest": sha256(data), "size": len(data), **more}

    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", json.dumps(config).encode()),
        "layers": [descriptor("layer.v1.tar", layer)],
    }
    entry = descriptor(
        "manifest.v1+json",
        json.dumps(manifest).encode(),
        annotations={"io.containerd.image.name": image.reference},
        platform={"architecture": architecture, "os": "linux"},
    )
    index = {"schemaVersion": 2, "manifests": [entry]}
    add_file(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}', 0o644)
    add_file(archive, "index.json", json.dumps(index).encode(), 0o644)
    for digest, data in blobs.items():
        add_file(archive, f"blobs/{digest.replace(':', '/')}", data, 0o644)


def layer_of(image: Image) -> bytes:
    """Return the image's only layer: an uncompressed tar file."""
    files = {
        str(path): path.read_bytes()
        for source in image.programs.values()
        for path in linked(source)
    }
    files |= {path: source.read_bytes() for path, source in image.programs.items()}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        layer.addfile(folder)
        for path, data in sorted(files.items()):
            add_file(layer, path.lstrip("/"), data, 0o755)
        for path, text in sorted(image.texts.items()):
            add_file(layer, path.lstrip("/"), text.encode(), 0o644)
    return buffer.getvalue()


def linked(program: Path) -> list[Path]:
    """Return the shared libraries and the loader of a program, at the paths where it looks."""
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    return [Path(path) for path in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", done.stdout, re.M)]


def add_file(archive: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    """Add a file of user 0 from the year 1970."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    archive.addfile(info, io.BytesIO(data))


def sha256(data: bytes) -> str:
    """Return the digest in the form that OCI uses."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
