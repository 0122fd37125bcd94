"""Unpacking of tar archives, with the same result on every Python that runs the demo.

Filters of tarfile came with Python 3.11.4. From 3.12 to 3.13 it warns where none is chosen, and
from 3.14 on it chooses another one. What decides is therefore here; the interpreter's own filter
looks again where there is one.

Only the standard library is used: a bundle is taken before the virtual environment exists.
"""

from __future__ import annotations

import os
import tarfile
from pathlib import Path, PurePosixPath

from foundation.errors import UserError


class Unsafe(UserError):
    """A member that is not unpacked; the text is its name and what is wrong with it."""


def unpack(tar: tarfile.TarFile, folder: Path, *, links: bool = False) -> None:
    """Write the files of an archive into an empty folder, executable ones as such.

    With `links`, folders and symbolic links inside of the folder are made too. Raises Unsafe for
    any other member, and leaves what came before it.
    """
    # An attribute and no argument: Python before 3.11.4 does not know the argument.
    tar.extraction_filter = getattr(tarfile, "data_filter", lambda entry, folder: entry)
    for entry in tar:
        check(entry, links=links)
        _check_is_new(entry, folder)
        mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
        entry.mode = mode
        entry.uid, entry.gid, entry.uname, entry.gname = os.getuid(), os.getgid(), "", ""
        try:
            tar.extract(entry, folder)
        except tarfile.TarError as error:
            raise Unsafe(f"{entry.name}: {error}") from None
        if not entry.issym():
            (folder / entry.name).chmod(mode)  # a filter leaves that of folders to the umask


def check(entry: tarfile.TarInfo, *, links: bool) -> None:
    """Raise Unsafe unless a member is a file, or with `links` a folder or link, that stays inside.

    A link may go up from its own folder, and then only down: what else is on its way may itself be
    a link.
    """
    name = PurePosixPath(entry.name)
    if name.is_absolute() or ".." in name.parts:
        raise Unsafe(f"{entry.name}, outside the destination")
    if entry.issym() and links:
        target = PurePosixPath(entry.linkname)
        up = next((i for i, part in enumerate(target.parts) if part != ".."), len(target.parts))
        if target.is_absolute() or up >= len(name.parts) or ".." in target.parts[up:]:
            raise Unsafe(f"{entry.name}, a link that leads outside the destination")
    elif not entry.isfile() and not (entry.isdir() and links):
        raise Unsafe(f"{entry.name}, which is no file{', folder or link' if links else ''}")


def _check_is_new(entry: tarfile.TarInfo, folder: Path) -> None:
    """Raise Unsafe for a member that would be written through a link, or twice."""
    target = folder / entry.name
    inside = [target, *target.parents][: len(PurePosixPath(entry.name).parts)]
    if any(path.is_symlink() for path in inside):
        raise Unsafe(f"{entry.name}, which is behind a link")
    if target.exists() and not (entry.isdir() and target.is_dir()):
        raise Unsafe(f"{entry.name} twice")
