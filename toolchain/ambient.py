"""Tools that the user already has on PATH, where their version fits."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet

from toolchain import pins

_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?(?![.\d])")
_PATIENCE = 20  # seconds for a tool to say its version


@dataclass(frozen=True)
class Found:
    """A tool on PATH that serves as well as ours would."""

    path: Path
    version: str


def version_in(answer: str) -> str | None:
    """Return the first version in what a tool printed, without "v": "1.3.4"; None without any."""
    match = _VERSION.search(answer)
    return match.group() if match else None


def fits(version: str, rule: str) -> bool:
    """Check whether `version` obeys `rule`, e.g. ">=1.36,<1.39"."""
    return SpecifierSet(rule).contains(version, prereleases=True)


def folders(path: str, own: Iterable[Path]) -> list[Path]:
    """Return the absolute folders of the PATH value `path`, without those in `own`."""
    excluded = [folder.resolve() for folder in own]
    found = []
    for entry in path.split(os.pathsep):
        if not entry.startswith("/"):
            continue  # a relative entry means something else in each folder
        resolved = Path(entry).resolve()
        if not any(resolved.is_relative_to(folder) for folder in excluded):
            found.append(Path(entry))
    return found


def find(binary: pins.Binary, path: Iterable[Path], own: Iterable[Path] = ()) -> Found | None:
    """Return the first executable of that name in the folders `path` that fits, none of `own`."""
    if not binary.fits:
        return None
    for candidate in _executables(binary.name, path):
        resolved = candidate.resolve()
        if any(resolved.is_relative_to(folder.resolve()) for folder in own):
            continue  # a link of the user's to something built here
        if binary.beside and not (resolved.parent / binary.beside).exists():
            continue
        answer = ask([str(candidate), *binary.ask])
        version = version_in(answer)
        if version and fits(version, binary.fits) and binary.says in answer:
            return Found(candidate, f"v{version}")
    return None


def ask(command: list[str]) -> str:
    """Return what `command` prints; nothing when it fails."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            done = subprocess.run(
                command,
                env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PATIENCE,
                check=True,
            )
            return done.stdout or done.stderr
        except OSError as error:
            # A program that was just written cannot be run while a process that another thread
            # forked meanwhile has its file open, that is until that process runs its own program.
            if error.errno != errno.ETXTBSY or time.monotonic() > end:
                return ""
            time.sleep(0.01)
        except subprocess.SubprocessError:
            return ""


def _executables(name: str, path: Iterable[Path]) -> Iterator[Path]:
    for folder in path:
        candidate = folder / name
        if candidate.is_file() and os.access(candidate, os.X_OK):
            yield candidate


def choose(
    modules: Iterable[pins.Module], path: Iterable[Path], own: Iterable[Path] = ()
) -> dict[str, Found]:
    """Return which binaries of `modules` come from PATH.

    Binaries of a module under one rule, as those of containerd, are taken together or not at all,
    lest versions mix.
    """
    path, own = list(path), list(own)
    chosen: dict[str, Found] = {}
    for module in modules:
        found = {b.name: find(b, path, own) for b in module.binaries}
        for rule in {b.fits for b in module.binaries}:
            group = [b.name for b in module.binaries if b.fits == rule]
            taken = {name: hit for name in group if (hit := found[name])}
            if len(taken) == len(group):
                chosen.update(taken)
    return chosen
