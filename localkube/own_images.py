"""Images that no registry has: archives of the user's, kept in the checkout, in every node's store.

An archive is what `docker save` and `podman save` write, or an OCI layout in a tar file
(https://github.com/opencontainers/image-spec/blob/main/image-layout.md).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foundation import commands, packages, project
from localkube import LocalKubeError
from localkube.api import wait_for
from localkube.inside.node import config_file
from localkube.programs import CONTAINERD
from localkube.spec import ClusterSpec, Node
from localkube.supervisord_config import find, python
from toolchain import tools
from toolchain.patience import scaled

FOLDER = project.PRIVATE / "images"
"""Where archives are kept, for the clusters of all stacks, also for those that come up later."""

CONTAINERD_SECONDS = 30
"""How long a node's containerd may take to answer."""

_NAME = "io.containerd.image.name"
_REFERENCE = "org.opencontainers.image.ref.name"


def names(archive: Path) -> list[str]:
    """Return the full names of the images in an archive. Raises `LocalKubeError`."""
    try:
        with tarfile.open(archive) as opened:
            found = list(_named(opened))
    except (tarfile.TarError, ValueError, KeyError, TypeError, AttributeError):
        raise LocalKubeError(
            f"{archive} is no archive of an image; make one: docker save NAME:TAG -o {archive}"
        ) from None
    if not found:
        raise LocalKubeError(
            f"no image in {archive} has a name; save it by one: docker save NAME:TAG -o {archive}"
        )
    return list(dict.fromkeys(map(full_name, found)))


def _named(archive: tarfile.TarFile) -> Iterator[str]:
    members = {member.name.removeprefix("./"): member for member in archive.getmembers()}

    def content(name: str) -> Any:
        file = archive.extractfile(members[name])
        return json.loads(file.read()) if file else None

    if "manifest.json" in members:
        for image in content("manifest.json"):
            yield from image.get("RepoTags") or ()
        return
    for image in content("index.json")["manifests"]:
        notes = image.get("annotations") or {}
        name = notes.get(_NAME) or notes.get(_REFERENCE, "")
        if ":" in name or "/" in name:  # else a tag alone
            yield name


def full_name(name: str) -> str:
    """Return the name of an image as containerd has it: with its registry and a tag."""
    first, _, rest = name.partition("/")
    is_registry = rest and ("." in first or ":" in first or first == "localhost")
    full = name if is_registry else f"docker.io/{name if rest else f'library/{name}'}"
    is_tagged = ":" in full.rpartition("/")[2] or "@" in full
    return full if is_tagged else f"{full}:latest"


def kept() -> dict[Path, list[str]]:
    """Return the archives that are kept -> the names of their images."""
    return {file: names(file) for file in sorted(FOLDER.glob("*.tar"))}


def _note(node: Node) -> Path:
    return node.folder / "own-images.json"  # `bringup` knows it


def keep(archive: Path) -> list[str]:
    """Keep a copy of an archive instead of others with its names; return these.

    Raises `LocalKubeError`.
    """
    if not archive.is_file():
        raise LocalKubeError(f"there is no file {archive}")
    wanted = names(archive)
    project.private_folder()
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    with archive.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()[:16]
    target = FOLDER / f"{digest}.tar"
    for file, known in kept().items():
        if file != target and {*known} & {*wanted}:
            file.unlink()
    if not target.exists():
        arriving = target.with_suffix(f".{os.getpid()}")
        shutil.copyfile(archive, arriving)
        arriving.chmod(0o600)
        arriving.replace(target)
    return wanted


def drop(name: str) -> None:
    """Keep the archive with an image of this name no longer. Raises `LocalKubeError`."""
    every = kept()
    found = [file for file, known in every.items() if full_name(name) in known]
    if not found:
        known = ", ".join(each for some in every.values() for each in some) or "none"
        raise LocalKubeError(f"no image {full_name(name)} was loaded; there are: {known}")
    for file in found:
        file.unlink()


def load(node: Node) -> bool:
    """Have a node take what is kept, and nothing else that was; False without power. Raises Failed.

    Without it, it does so when it starts.
    """
    if (process := find(config_file(node))) is None:
        return False
    nsenter = packages.which("nsenter") or "nsenter"
    inside = python("localkube.own_images", str(node.cluster.folder), str(node.ordinal))
    env = {**os.environ, "PYTHONPATH": str(project.ROOT)}
    commands.output([nsenter, f"--target={process}", "--mount", "--", *inside], env=env)
    return True


def take(node: Node) -> None:
    """Import what is kept and remove what is not, in the node. Raises Failed."""
    noted = _note(node)
    had: dict[str, list[str]] = json.loads(noted.read_text()) if noted.exists() else {}
    wanted = {file.name: known for file, known in kept().items()} if FOLDER.exists() else {}
    if had == wanted:
        return
    if not wait_for(_answers, scaled(CONTAINERD_SECONDS)):
        raise commands.Failed(f"containerd of {node.name} does not answer")
    stay = {name for known in wanted.values() for name in known}
    for file in wanted.keys() - had.keys():
        _ctr("images", "import", str(FOLDER / file))
    for name in {name for known in had.values() for name in known} - stay:
        _ctr("images", "remove", name)
    noted.write_text(json.dumps(wanted))


def _answers() -> bool:
    try:
        _ctr("version")
    except commands.Failed:
        return False
    return True


def _ctr(*arguments: str) -> None:
    where = ("--address", CONTAINERD, "--namespace", "k8s.io")
    commands.output([str(tools.path("ctr")), *where, *arguments])


if __name__ == "__main__":
    take(ClusterSpec.load(Path(sys.argv[1])).members[int(sys.argv[2]) - 1])
