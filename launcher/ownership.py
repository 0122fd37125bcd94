"""Whose a checkout's files and clusters are, where root and an ordinary user use the same one."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping
from pathlib import Path

from foundation import project
from foundation.errors import UserError
from localkube.rootless import requirements
from toolchain import tools


def check(stack: str) -> None:
    """Refuse to reach into embedded clusters that another user has made. Raises UserError."""
    lab = project.lab_folder(stack)
    if lab.exists() and (owner := lab.stat().st_uid) != os.geteuid():
        who = (
            "root: sudo -E ./demo ..."
            if owner == 0
            else f"{requirements.name_of(owner)}, without root"
        )
        raise UserError(f"The clusters of stack {stack} are another user's. Run this as {who}")


def home(checkout: Path, env: Mapping[str, str]) -> str:
    """Return the home folder to go by: root's is that of a user who called sudo(8) in his checkout.

    So his tools serve, which `sudo -E` had done. sudo-rs, which Ubuntu has since 25.10, ignores -E.
    """
    caller = _caller(checkout, env)
    own = env.get("HOME", "")
    try:
        if caller is not None and own == pwd.getpwuid(0).pw_dir:
            return pwd.getpwuid(caller).pw_dir
    except KeyError:  # no account
        pass
    return own


def give_back(checkout: Path, env: Mapping[str, str]) -> None:
    """Give what root has made in a user's checkout, and his cache, to him if he called sudo(8).

    What belongs to clusters stays root's for as long as they are there.
    """
    user, group = _caller(checkout, env), env.get("SUDO_GID", "")
    if user is None or not group.isdigit():
        return
    cache = tools.cache_dir()
    caches = cache.parent
    made = caches.is_dir() and not caches.is_symlink() and caches.stat().st_uid == 0
    if made and caches.parent.stat().st_uid == user:
        os.chown(caches, user, int(group))
    homely = caches.exists() and caches.stat().st_uid == user
    kept = {
        checkout: f"./{project.PRIVATE.name}/*/lab",
        **({cache: "./images/*"} if homely else {}),
    }
    change = ["chown", "--no-dereference", f"{user}:{group}", "{}", "+"]
    for folder, clusters in kept.items():
        but = ["-path", clusters, "-prune"]
        subprocess.run(
            ["find", ".", "-xdev", *but, "-o", "-user", "root", "-exec", *change],
            cwd=folder,
            capture_output=True,  # what ends meanwhile is not missed
            check=False,
        )


def _caller(checkout: Path, env: Mapping[str, str]) -> int | None:
    """Return who called sudo(8) for this command of root's, if the checkout is his."""
    user = env.get("SUDO_UID", "")
    if os.geteuid() or not user.isdigit() or int(user) == 0:
        return None
    return int(user) if checkout.stat().st_uid == int(user) else None
