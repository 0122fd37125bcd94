"""The images of Pulumi's program in the nodes of a cluster that another version may have made.

A new cluster has them in its store. One that was made before a pin moved gets the new ones by an
import, for its nodes may reach no registry.
"""

from __future__ import annotations

import contextlib
import json
import tarfile
from pathlib import Path

from foundation import commands, files, scratch
from localkube import LocalKubeError, images, mounts
from localkube.image_layout import write_archive
from localkube.spec import ClusterSpec, Node
from localkube.supervisord_config import find
from toolchain import tools


def is_complete(spec: ClusterSpec) -> bool:
    """Check whether each node has the images; what is noted is asked, and no node."""
    with contextlib.suppress(OSError, ValueError):  # not there, or torn by a power cut
        return bool(json.loads(_note(spec).read_text()) == _wanted())
    return False


def note(spec: ClusterSpec) -> None:
    """Write down that each node has the images of this version."""
    files.replace(_note(spec), json.dumps(_wanted()))


def complete(spec: ClusterSpec) -> None:
    """Import the images that nodes lack; all of them run. Raises `LocalKubeError`."""
    if is_complete(spec):
        return
    with scratch.folder(spec.folder / "arriving") as folder:
        for image in images.of_program():
            lacking = [node for node in spec.members if image.reference not in _held(node)]
            archive = folder / "image.tar"
            if lacking:
                with tarfile.open(archive, "w") as opened:
                    write_archive(image, opened)
            for node in lacking:
                print(f"{node.name}: importing {image.reference}", flush=True)
                _ctr(node, "import", str(archive))
    note(spec)


def _note(spec: ClusterSpec) -> Path:
    return spec.folder / "images.json"


def _wanted() -> list[str]:
    return [image.reference for image in images.of_program()]


def _held(node: Node) -> list[str]:
    return _ctr(node, "list", "--quiet").splitlines()


def _ctr(node: Node, *arguments: str) -> str:
    """Return what a command for the images of a node's containerd prints."""
    from localkube.inside.node import config_file  # not for a preview
    from localkube.programs import CONTAINERD

    if (process := find(config_file(node))) is None:
        raise LocalKubeError(f"{node.name} has lost its power: run ./demo up {node.cluster.stack}")
    command = [str(tools.path("ctr")), "--address", CONTAINERD, "--namespace", "k8s.io", "images"]
    try:
        return commands.output(mounts.within(process, [*command, *arguments]))
    except commands.Failed as error:
        raise LocalKubeError(
            f"containerd of {node.name} takes no image: {error}; see"
            f" `./demo local logs {node.cluster.name} containerd --stack {node.cluster.stack}`,"
            f" then run ./demo up {node.cluster.stack}"
        ) from None
