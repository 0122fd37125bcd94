"""Images that no registry has: archives of the user's, kept in the checkout, in every node's store.

`image_archive` reads them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
from pathlib import Path

from foundation import commands, files, project
from foundation.entry import entry
from localkube import LocalKubeError, image_archive, mounts
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


def kept() -> dict[Path, list[str]]:
    """Return the archives that are kept -> the names of their images.

    Raises `LocalKubeError` for a damaged one.
    """
    found = {}
    for file in sorted(FOLDER.glob("*.tar")):
        try:
            found[file] = list(image_archive.read(file))
        except LocalKubeError:
            mend = f"rm {shlex.quote(str(file))} && ./demo local load ARCHIVE"
            raise LocalKubeError(f"{file}, an image that was loaded, is damaged: {mend}") from None
    return found


def _note(node: Node) -> Path:
    return node.folder / "own-images.json"  # `bringup` knows it


def keep(archive: Path) -> list[str]:
    """Keep a copy of an archive instead of others with its names; return these.

    Raises `LocalKubeError`.
    """
    if not archive.is_file():
        raise LocalKubeError(f"there is no file {archive}")
    images = image_archive.read(archive)
    image_archive.check_platform(images, archive)
    project.private_folder()
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    with files.locked(FOLDER):
        arriving = FOLDER / "arriving"  # that of a command that was killed is written over
        try:
            with arriving.open("wb") as copy:
                arriving.chmod(0o600)
                image_archive.unpack(archive, copy)
                copy.flush()
                os.fsync(copy.fileno())
            target = FOLDER / f"{files.sha256(arriving)[:16]}.tar"
            arriving.replace(target)
        finally:  # a full disk, say, which a part of a copy would keep full
            arriving.unlink(missing_ok=True)
        for file, known in kept().items():
            if file != target and {*known} & {*images}:
                file.unlink()
    return list(images)


def drop(name: str) -> None:
    """Keep the archive with an image of this name no longer. Raises `LocalKubeError`."""
    every = kept()
    full = image_archive.full_name(name)
    found = [file for file, known in every.items() if full in known]
    if not found:
        known = ", ".join(each for some in every.values() for each in some) or "none"
        raise LocalKubeError(f"no image {full} was loaded; there are: {known}")
    for file in found:
        file.unlink()


def load(node: Node) -> bool:
    """Have a node take what is kept, and nothing else that was; False without power. Raises Failed.

    Without it, it does so when it starts.
    """
    if (process := find(config_file(node))) is None:
        return False
    inside = python("localkube.own_images", str(node.cluster.folder), str(node.ordinal))
    env = {**os.environ, "PYTHONPATH": str(project.ROOT)}
    commands.output(mounts.within(process, inside), env=env)
    return True


def take(node: Node) -> None:
    """Import what is kept and remove what is not, in the node. Raises Failed, at the end."""
    noted = _note(node)
    had: dict[str, list[str]] = {}
    with contextlib.suppress(OSError, ValueError):  # not there, or torn by a power cut
        had = json.loads(noted.read_text())
    wanted = {file.name: known for file, known in kept().items()} if FOLDER.exists() else {}
    if had == wanted:
        return
    if not wait_for(_answers, scaled(CONTAINERD_SECONDS)):
        raise commands.Failed(f"containerd of {node.name} does not answer")
    stay = {name for known in wanted.values() for name in known}
    problems = []
    for file in wanted.keys() - had.keys():
        try:
            _import(FOLDER / file)
        except commands.Failed as error:
            known = wanted.pop(file)
            problems.append(f"{', '.join(known)}: {error} (./demo local unload {known[0]})")
    for name in {name for known in had.values() for name in known} - stay:
        _ctr("images", "remove", name)
    files.replace(noted, json.dumps(wanted))
    if problems:
        raise commands.Failed("; ".join(problems))


def _import(archive: Path) -> None:
    """Import an archive, each image by the name that a kubelet asks for. Raises Failed."""
    _ctr("images", "import", str(archive))
    for image in image_archive.read(archive).values():
        if image.imported != image.name:
            _ctr("images", "tag", "--force", image.imported, image.name)
            _ctr("images", "remove", image.imported)


def _answers() -> bool:
    try:
        _ctr("version")
    except commands.Failed:
        return False
    return True


def _ctr(*arguments: str) -> None:
    where = ("--address", CONTAINERD, "--namespace", "k8s.io")
    commands.output([str(tools.path("ctr")), *where, *arguments])


def main(arguments: list[str]) -> int:
    """Have the node of a cluster's folder and an ordinal take what is kept."""
    folder, ordinal = arguments

    def run() -> int:
        take(ClusterSpec.load(Path(folder)).members[int(ordinal) - 1])
        return 0

    return entry(run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
