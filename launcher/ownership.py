"""Whose a checkout's files and clusters are, where root and an ordinary user use the same one."""

from __future__ import annotations

import os
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


def give_back(checkout: Path, env: Mapping[str, str]) -> None:
    """Give what root has made in a user's checkout, and his cache, to him if he called sudo(8).

    What belongs to clusters stays root's for as long as they are there.
    """
    user, group = env.get("SUDO_UID", ""), env.get("SUDO_GID", "")
    if os.geteuid() or not (user.isdigit() and group.isdigit()):
        return
    if checkout.stat().st_uid != int(user) or int(user) == 0:
        return
    cache = tools.cache_dir()
    homely = cache.parent.exists() and cache.parent.stat().st_uid == int(user)
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
