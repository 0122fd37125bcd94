"""What a run was made with: settings, machine and versions, for its header."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from foundation import commands, project
from foundation.errors import ToolMissing
from toolchain import tools


def run_id(what: str, now: float) -> str:
    """Return the id of a run of `what` that begins now: its start in UTC comes first."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{what}"


def config_digest(stack: str, changes: Mapping[str, Any] | None = None) -> str:
    """Return a digest of what a stack's behaviour follows from: its settings and the manifests.

    `changes` are settings in force that are not the stack's own; files and folders that a setting
    names count by what they hold. What renders them is told by `described`.
    """
    digest = hashlib.sha256()
    settings = [project.ROOT / "Pulumi.yaml", project.ROOT / f"Pulumi.{stack}.yaml"]
    values = list((changes or {}).items())
    for file in filter(Path.exists, settings):
        lines = file.read_text().splitlines()
        # a random salt, which Pulumi may or may not have written
        text = "\n".join(line for line in lines if not line.startswith("encryptionsalt:"))
        digest.update(f"{file.name}\0{text}\0".encode())
        values += ((yaml.load(text, Loader=yaml.CSafeLoader) or {}).get("config") or {}).items()
    for key, value in sorted(values, key=str):
        digest.update(f"{key}\0{value}\0".encode())
        if isinstance(value, Mapping):  # as Pulumi.yaml declares it
            value = value.get("value", value.get("default"))
        for name in value if isinstance(value, list) else [value]:
            digest.update(_held_by(project.ROOT / str(name)))
    for file in sorted((project.ROOT / "manifests").glob("*.yaml")):
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _held_by(path: Path) -> bytes:
    """Return what a file holds, or all files of a folder but hidden ones; nothing if it is none."""
    held = b""
    try:
        found = path.rglob("*") if path.is_dir() and path != project.ROOT else [path]
        for file in sorted(found):
            if file.is_file() and not any(p.startswith(".") for p in file.relative_to(path).parts):
                held += file.read_bytes()
    except (OSError, ValueError):  # no path at all, but a long text; a file that may not be read
        pass
    return held


def described() -> dict[str, Any]:
    """Return what a reader of a report should know of this machine and of the versions in use."""
    return {
        "demo": _commit(),
        "machine": f"{os.cpu_count()} cores, {_memory_gib():.0f} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        **{
            name: version
            for name in ("kubernetes", "envoy", "pulumi")
            if (version := _version(name))
        },
    }


def _commit() -> str:
    """Return the commit of this checkout, `-dirty` where files differ; a word if there is none."""
    try:
        command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
        return commands.output(command, folder=project.ROOT, seconds=10).strip()
    except (OSError, commands.Failed):
        return "no git checkout"


def _version(name: str) -> str:
    try:
        return tools.version(name)
    except ToolMissing:
        return ""


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
