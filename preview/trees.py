"""The two trees that are compared, as folders of their own: nothing of the checkout is touched."""

from __future__ import annotations

import contextlib
import filecmp
import json
import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from foundation import archives, project, selection, stack_file
from foundation.errors import UserError
from preview import git

_NO_PART = {".github", ".ci", "docs", "drills", "policies", "preview", "tests", "Taskfile.yml"}
"""What no program reads, nor any Markdown; unless a stack's settings name it."""


_VERSIONS = ("requirements.txt", "requirements-gke.txt", "toolchain/tools.toml")
"""Files that say which versions of packages and tools a tree is made for."""

_GITLINK = "160000 "
"""Mode of a submodule in a tree of git's."""


@dataclass(frozen=True)
class Tree:
    """A tree, unpacked."""

    folder: Path
    title: str
    """What it is, for people: a commit, perhaps with changes not yet committed."""

    @property
    def stacks(self) -> list[str]:
        """Names of the stacks that have a settings file."""
        return selection.stacks(self.folder)


def head(project: Path, folder: Path) -> Tree:
    """Return the working tree: what git has or would take, changes not yet committed included.

    Files that a stack's settings name are part of it even where git ignores them.
    """
    _copy(project, folder, {*git.files(project), *_named_by_settings(project)})
    dirty = git.output(project, "status", "--porcelain").strip()
    commit = git.title(project, "HEAD")
    return Tree(_ready(folder), f"{commit} and changes not yet committed" if dirty else commit)


def _copy(repository: Path, folder: Path, names: Iterable[str]) -> None:
    """Copy files of a repository's working tree, those of its submodules too."""
    for name in names:
        source, target = repository / name, folder / name
        if not source.exists():  # deleted, and not yet committed so
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file():
            shutil.copy2(source, target)
        elif source.is_symlink():
            if source.resolve().is_relative_to(repository.resolve()):
                target.symlink_to(os.path.relpath(source.resolve(), source.parent.resolve()))
        elif _is_submodule(source):
            _copy(source, target, git.files(source))


def _is_submodule(folder: Path) -> bool:
    """Check whether a folder is a repository of its own: a submodule that was checked out."""
    return (folder / ".git").exists()


def _named_by_settings(project: Path) -> Iterator[str]:
    """Yield the files of the project that its stacks' settings name, folders' files included."""
    for file in project.glob("Pulumi.*.yaml"):
        try:
            settings = stack_file.mapping(file.read_text()).get("config") or {}
        except (OSError, ValueError, stack_file.Unreadable):
            continue  # its preview says what is wrong with it
        values = settings.values() if isinstance(settings, dict) else ()
        for value in values:
            for text in _texts(value):
                leads_out = os.path.normpath(text).startswith(os.pardir)
                if leads_out and (project / text).exists():
                    raise UserError(
                        f"{file.name} names {text}, which is not in the checkout; a preview is made"
                        f" in copies of it. Name it by its path: {(project / text).resolve()}"
                    )
                yield from _files(project, project / text)


def _texts(value: object) -> Iterator[str]:
    """Yield the texts of a setting: itself, or those of a list, which may be written in JSON."""
    if isinstance(value, str) and value.strip().startswith("["):
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    for text in value if isinstance(value, list) else (value,):
        if isinstance(text, str) and text:
            yield text


def _files(project: Path, named: Path) -> Iterator[str]:
    """Yield the files by the folders that they are in, and the links that lead to these."""
    root = project.resolve()
    if not named.resolve().is_relative_to(root) or named == project:
        return
    for path in (named, *named.parents):
        if path.is_symlink() and path.is_dir() and path.is_relative_to(project):
            yield str((path.parent.resolve() / path.name).relative_to(root))
    for file in named.rglob("*") if named.is_dir() else (named,):
        if file.is_file():
            yield str((file.parent.resolve() / file.name).relative_to(root))


def base(project: Path, folder: Path, reference: str | None) -> Tree:
    """Return the tree of a commit, by default of where this branch left the default one."""
    commit = git.commit(project, reference) if reference else git.fork_point(project)
    title = git.title(project, commit)
    try:
        _unpack(project, folder, commit)
    except archives.Unsafe as error:
        raise UserError(f"Commit {title} has {error}. Compare with another: --base REF") from None
    except _SubmoduleLacks as error:
        raise UserError(
            f"Commit {title} has {error}, which is not here. Fetch it: git fetch"
            " --recurse-submodules=yes, or compare with another: --base REF"
        ) from None
    return Tree(_ready(folder), title)


def _unpack(repository: Path, folder: Path, commit: str) -> None:
    """Unpack a commit, and what it has of the submodules that are checked out.

    Raises archives.Unsafe and _SubmoduleLacks.
    """
    archive = git.output(repository, "archive", "--format=tar", commit)
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        archives.unpack(tar, folder, links=True)
    for entry in git.output(repository, "ls-tree", "-r", "-z", commit).decode().split("\0"):
        about, _, name = entry.partition("\t")
        if not about.startswith(_GITLINK) or not _is_submodule(repository / name):
            continue
        wanted = about.split()[2]
        try:
            _unpack(repository / name, folder / name, wanted)
        except git.NotThere:
            raise _SubmoduleLacks(f"{wanted[:7]} of submodule {name}") from None


def differing(one: Tree, other: Tree) -> bool:
    """Check whether the trees differ in anything that a preview may depend on."""
    names = _parts(one.folder)
    if names != _parts(other.folder):
        return True
    _, unequal, unreadable = filecmp.cmpfiles(one.folder, other.folder, names, shallow=False)
    return bool(unequal or unreadable)


def note(one: Tree, other: Tree) -> str:
    """Return what comparing these trees cannot show; empty text for nothing.

    One Python environment and one set of tools serve both.
    """
    changed = ", ".join(name for name in _VERSIONS if _text(one, name) != _text(other, name))
    if not changed:
        return ""
    return (
        f"Versions change ({changed}), and both trees were previewed with the versions installed"
        " here: what another version alone would change is not shown."
    )


def _text(tree: Tree, name: str) -> bytes:
    file = tree.folder / name
    return file.read_bytes() if file.exists() else b""


def _parts(folder: Path) -> list[str]:
    found = []
    for path, folders, files in os.walk(folder):
        inside = Path(path).relative_to(folder)
        if path == str(folder):
            folders[:] = [name for name in folders if name not in _NO_PART | {project.VENV.name}]
            files = [name for name in files if name not in _NO_PART]
        found += [str(inside / name) for name in files if not name.endswith(".md")]
    return sorted({*found, *_named_by_settings(folder)})


def _ready(folder: Path) -> Path:
    """Return the folder, with the Python environment that Pulumi.yaml names, and clouds' SDKs."""
    for found in project.ROOT.glob(f"{project.VENV.name}*/"):
        if not (folder / found.name).exists():
            (folder / found.name).symlink_to(found)
    return folder


class _SubmoduleLacks(Exception):
    """A submodule does not have the commit that is wanted of it; the text says which."""
