"""A private place for temporary files, emptied when its command ends.

Pulumi's Kubernetes provider writes each kubeconfig that it is given, keys and all, to a temporary
file that it never removes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from foundation import processes


@contextlib.contextmanager
def folder(parent: Path) -> Iterator[Path]:
    """Yield an empty folder below `parent` while a command runs; remove those of killed ones."""
    for left in parent.glob("*"):
        if not left.name.isdigit() or processes.started(int(left.name)) is None:
            shutil.rmtree(left, ignore_errors=True)
    own = parent / str(os.getpid())
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(mode=0o700, parents=True)
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
        with contextlib.suppress(OSError):  # another command is using it too
            parent.rmdir()
