"""Archives of images, without layers, as tools write them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

SHOP = "docker.io/library/shop:1"
NAME, REFERENCE = "io.containerd.image.name", "org.opencontainers.image.ref.name"


def archive(folder: Path, files: dict[str, Any], name: str = "shop.tar") -> Path:
    with tarfile.open(folder / name, "w") as opened:
        for path, content in files.items():
            data = json.dumps(content).encode()
            member = tarfile.TarInfo(path)
            member.size = len(data)
            opened.addfile(member, io.BytesIO(data))
    return folder / name


def docker(folder: Path, *tags: str, name: str = "shop.tar", architecture: str = "amd64") -> Path:
    image = {"RepoTags": list(tags) or None, "Config": "sha256:1"}
    config = {"os": "linux", "architecture": architecture}
    return archive(folder, {"manifest.json": [image], "sha256:1": config}, name)


class Layout:
    """An OCI layout that is being written."""

    def __init__(self) -> None:
        self.files: dict[str, Any] = {"oci-layout": {"imageLayoutVersion": "1.0.0"}}
        self.entries: list[dict[str, Any]] = []

    def blob(self, document: Any, *, there: bool = True) -> dict[str, Any]:
        digest = hashlib.sha256(json.dumps(document).encode()).hexdigest()
        if there:
            self.files[f"blobs/sha256/{digest}"] = document
        return {"digest": f"sha256:{digest}"}

    def image(self, architecture: str, *, there: bool = True) -> dict[str, Any]:
        config = self.blob({"os": "linux", "architecture": architecture}, there=there)
        return self.blob({"config": config}, there=there)

    def index(self, *children: dict[str, Any]) -> dict[str, Any]:
        return self.blob({"manifests": children})

    def add(self, descriptor: dict[str, Any], **notes: str) -> None:
        self.entries.append({**descriptor, "annotations": notes})

    def write(self, folder: Path, before: str = "") -> Path:
        files = {**self.files, "index.json": {"manifests": self.entries}}
        return archive(folder, {f"{before}{path}": each for path, each in files.items()})
