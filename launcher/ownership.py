"""Whose a checkout's files and clusters are, where root and an ordinary user use the same one."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping
from pathlib import Path

from foundation import project
from foundation.errors import UserError


def check(stack: str) -> None:
    """Refuse to reach into embedded clusters that another user has made. Raises UserError."""
    lab = project.stack_folder(stack) / "lab"
    if lab.exists() and (owner := lab.stat().st_uid) != os.geteuid():
        who = "root: sudo -E ./demo ..." if owner == 0 else f"{_name(owner)}, without root"
        raise UserError(f"The clusters of stack {stack} are another user's. Run this as {who}")


def give_back(checkout: Path, env: Mapping[str, str]) -> None:
    """Give what root has made in a user's checkout to that user, if it was he who called sudo(8).

    What belongs to clusters stays root's for as long as they are there.
    """
    user, group = env.get("SUDO_UID", ""), env.get("SUDO_GID", "")
    if os.geteuid() or not (user.isdigit() and group.isdigit()):
        return
    if checkout.stat().st_uid != int(user) or int(user) == 0:
        return
    clusters = ["-path", f"{checkout}/{project.PRIVATE.name}/*/lab", "-prune"]
    change = ["chown", "--no-dereference", f"{user}:{group}", "{}", "+"]
    subprocess.run(
        ["find", str(checkout), "-xdev", *clusters, "-o", "-user", "root", "-exec", *change],
        capture_output=True,  # what ends meanwhile is not missed
        check=False,
    )


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
