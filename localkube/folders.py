"""Removing folders that others have written into."""

from __future__ import annotations

import subprocess
from pathlib import Path

from foundation.errors import first_line
from localkube import LocalKubeError

TRIES = 2
"""Something may still be written while the folder is removed."""


def remove(folder: Path) -> None:
    """Remove a folder and all in it; one that is not there is not missed.

    By rm(1): it follows no symbolic link, stays on the folder's file system, and does not mind how
    deep a pod has nested its folders, where `shutil.rmtree` ends in a RecursionError.
    Raises `LocalKubeError` with rm's message if something stays.
    """
    command = ["rm", "--recursive", "--force", "--one-file-system", "--", str(folder)]
    for _ in range(TRIES):
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        if not done.returncode:
            return
    raise LocalKubeError(f"{folder} cannot be removed: {first_line(done.stderr)}")
