"""What a run was made with: settings, machine and versions, for its header."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundation import project
from foundation.errors import ToolMissing
from toolchain import tools


def run_id(what: str, now: float) -> str:
    """Return the id of a run of `what` that begins now: its start in UTC comes first."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{what}"


def config_digest(stack: str, changes: Mapping[str, Any] | None = None) -> str:
    """Return a digest of what a stack's behaviour follows from: its settings and the manifests.

    `changes` are settings in force that are not the stack's own; a file that one names counts by
    what it holds. Two runs with the same digest measured the same configuration.
    """
    digest = hashlib.sha256()
    for key, value in sorted((changes or {}).items()):
        named = Path(str(value))
        digest.update(f"{key}\0{named.read_text() if named.is_file() else value}\0".encode())
    settings = [project.ROOT / "Pulumi.yaml", project.ROOT / f"Pulumi.{stack}.yaml"]
    for file in [*settings, *sorted((project.ROOT / "manifests").glob("*.yaml"))]:
        if file.exists():
            lines = file.read_text().splitlines()
            # a random salt, which Pulumi may or may not have written
            text = "\n".join(line for line in lines if not line.startswith("encryptionsalt:"))
            digest.update(f"{file.name}\0{text}\0".encode())
    return digest.hexdigest()[:16]


def described() -> dict[str, Any]:
    """Return what a reader of a report should know of this machine and of the versions in use."""
    return {
        "machine": f"{os.cpu_count()} cores, {_memory_gib():.0f} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        **{
            name: version
            for name in ("kubernetes", "envoy", "pulumi")
            if (version := _version(name))
        },
    }


def _version(name: str) -> str:
    try:
        return tools.version(name)
    except ToolMissing:
        return ""


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
