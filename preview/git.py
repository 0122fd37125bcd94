"""What git says of a checkout, in words for people where it cannot be had."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from foundation.errors import UserError


class NotThere(UserError):
    """What git was asked for does not exist."""


def output(project: Path, *arguments: str) -> bytes:
    """Return what git prints. Raises NotThere when it fails, UserError where there is no git."""
    command = ["git", *arguments]
    env = {**os.environ, "LC_ALL": "C"}  # what it says is read below
    try:
        done = subprocess.run(command, cwd=project, env=env, capture_output=True, check=False)
    except OSError:
        raise UserError("git is not on PATH; install it") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        if "not a git repository" in said:
            raise UserError(f"{project} is no git repository, so there is no base to compare with")
        if "dubious ownership" in said:
            raise UserError(
                f"git does not read {project}, which belongs to another user.\nAllow it:"
                f" git config --global --add safe.directory {shlex.quote(str(project))}"
            )
        raise NotThere(said)
    return done.stdout


def files(repository: Path) -> set[str]:
    """Return what git has or would take; a submodule is one name.

    Other repositories inside, whose names end with a slash, are none of it.
    """
    said = output(repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return {name for name in said.decode().split("\0") if name and not name.endswith("/")}


def commit(project: Path, reference: str) -> str:
    """Return the commit that a reference names. Raises UserError."""
    try:
        if reference.startswith("-"):  # an option to git
            raise NotThere(reference)
        found = output(project, "rev-parse", "--verify", f"{reference}^{{commit}}")
    except NotThere:
        raise UserError(
            f"There is no commit {reference!r} here to compare with; name another by --base, or"
            " fetch it (a shallow clone lacks most)"
        ) from None
    return found.decode().strip()


def title(project: Path, commit: str) -> str:
    """Return what people call a commit: the first digits of its number."""
    return output(project, "log", "-1", "--format=%h", commit).decode().strip()


def fork_point(project: Path) -> str:
    """Return the newest commit that HEAD shares with the default branch. Raises UserError."""
    for branch in ("origin/HEAD", "origin/main", "main", "origin/master", "master"):
        try:
            return output(project, "merge-base", "HEAD", branch).decode().strip()
        except NotThere:
            continue
    raise UserError("There is no default branch to compare with; name a commit: --base REF")
