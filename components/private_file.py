"""A file on this machine, readable by its owner only, as a Pulumi resource.

A dynamic provider is loaded by its module's name from the state: never move or rename this module.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, UpdateResult

from foundation.dynamic_provider import BaseProvider


class _PrivateFileProvider(BaseProvider):
    def create(self, props: dict[str, Any]) -> CreateResult:
        write(Path(props["path"]), props["content"])
        return CreateResult(props["path"], dict(props))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        # A content that is not known yet differs from any file's.
        moved = olds["path"] != news["path"]
        return DiffResult(changes=moved or not _holds(Path(news["path"]), news["content"]))

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        updated = super().update(_id, olds, news)
        if olds["path"] != news["path"]:
            remove(Path(olds["path"]))
        return updated

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        remove(Path(props["path"]))


def write(path: Path, content: str) -> None:
    """Write the file at once or not at all, mode 0600, in a folder of mode 0700.

    Raises UserError.
    """
    from foundation import files
    from foundation.errors import UserError

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.replace(path, content)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}; free the path and run this again"
        ) from None


def remove(path: Path) -> None:
    """Remove the file, and its folder when nothing else is in it; what is gone is no error.

    The state of a copied checkout names the original's files, which are not removed.
    """
    from foundation import project

    if not path.is_relative_to(project.PRIVATE):
        return
    path.unlink(missing_ok=True)
    try:
        path.parent.rmdir()
    except OSError:
        return  # not empty, or not there


def _holds(path: Path, content: str) -> bool:
    try:
        return path.read_text() == content and path.stat().st_mode & 0o777 == 0o600
    except OSError:
        return False


class PrivateFile(Resource, module="files", name="PrivateFile"):
    """A file of mode 0600; written again when it is missing or was changed."""

    path: pulumi.Output[str]

    def __init__(self, name: str, path: Path, content: pulumi.Input[str]) -> None:
        props = {"path": str(path), "content": content}
        super().__init__(_PrivateFileProvider(), name, props)
