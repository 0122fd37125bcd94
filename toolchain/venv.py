"""The project's virtual environment: made from locked requirements, entered by every `demo`.

Only the standard library is used, and little of it: this runs first, on any Python 3.11 or newer.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from toolchain import ToolchainError, packages, run

PROJECT = Path(__file__).resolve().parent.parent
FOLDER = PROJECT / ".venv"
PYTHON = FOLDER / "bin" / "python"
PRIVATE = PROJECT / ".demo"
_REQUIREMENTS = PROJECT / "requirements.txt"
_STAMP = FOLDER / "installed.txt"  # written last: what the environment was made of
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""The versions of Python that run the demo."""
_GLIBC = (5, 12, *range(17, 37))
"""Minor versions of the C library, 2.x, for which packages are compiled."""
_NEEDED_MB = 800  # 470 MB installed, and what pip unpacks meanwhile


def wanted() -> str:
    """What the stamp of a complete environment says: place, Python and locked requirements."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"# {FOLDER} Python {version}\n{_REQUIREMENTS.read_text()}"


def requirements_key() -> str:
    """Return a digest that names the locked requirements."""
    return hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()[:16]


def wheels() -> Path:
    """Return the folder of the locked packages, where a bundle has brought them."""
    from toolchain import tools  # not for a warm start

    return tools.cache_dir() / "wheels" / requirements_key()


def is_ready() -> bool:
    """Whether the environment is complete, of these requirements, and made at this place."""
    try:
        return _STAMP.read_text() == wanted() and os.access(PYTHON, os.X_OK)
    except OSError:
        return False


def enter(arguments: list[str]) -> None:
    """Returns inside the environment; makes it and starts `demo` again in it otherwise."""
    inside = Path(sys.prefix) == FOLDER
    ready = is_ready()
    if inside and ready:
        return
    if not ready:
        if inside:  # it cannot be replaced from within
            outer = f"{sys.base_prefix}/bin/python3"
            os.execv(outer, [outer, *arguments])
        make(prefetch="--build" not in arguments)
    os.execv(PYTHON, [str(PYTHON), *arguments])


def private_folder() -> Path:
    """The folder of all private state of this clone, readable by its owner only."""
    PRIVATE.mkdir(mode=0o700, exist_ok=True)
    PRIVATE.chmod(0o700)
    return PRIVATE


def make(prefetch: bool = False) -> None:
    """Makes the environment anew. One process at a time; an interrupted one is begun again.

    With `prefetch`, missing tools are downloaded meanwhile.
    """
    with (private_folder() / "venv.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another run of ./demo is making the Python environment; waiting.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        if is_ready():
            return
        if importlib.util.find_spec("ensurepip") is None:
            package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
            reason = "Python makes virtual environments with it"
            packages.install([packages.Need("ensurepip", reason, package)])
        free = shutil.disk_usage(PROJECT).free // 1000**2
        if free < _NEEDED_MB:
            raise ToolchainError(
                f"The disk of {PROJECT} has {free} MB free; the Python environment needs"
                f" {_NEEDED_MB} MB.\nFree some, then run this again"
            )
        count = sum(line[0].isalpha() for line in _REQUIREMENTS.read_text().splitlines() if line)
        began = time.monotonic()
        if FOLDER.is_symlink():  # what it leads to is somebody else's
            FOLDER.unlink()
        _STAMP.unlink(missing_ok=True)
        step("Python environment", [sys.executable, "-m", "venv", "--clear", str(FOLDER)])
        pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        offline = ["--no-index", "--find-links", str(wheels())] if wheels().is_dir() else []
        install = [*pip, *offline, "--require-hashes", "--requirement", str(_REQUIREMENTS)]
        with _prefetching() if prefetch else contextlib.nullcontext():
            step(f"Python environment: {count} locked packages", install)
        _STAMP.write_text(wanted())
        print(f"Python environment ready in {time.monotonic() - began:.0f} s.", flush=True)


def _prefetching() -> contextlib.AbstractContextManager[None]:
    from toolchain import prefetch  # not for a warm start

    return prefetch.meanwhile()


def step(title: str, command: list[str]) -> None:
    """Runs `command`, showing `title` and the elapsed time meanwhile. Raises ToolchainError."""
    began = time.monotonic()
    lively = sys.stdout.isatty()
    if not lively:
        print(title, flush=True)
    with subprocess.Popen(
        run.tied(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        said = b""
        while True:
            if lively:
                print(f"\r{title}  {time.monotonic() - began:.0f} s", end="", flush=True)
            try:
                said = process.communicate(timeout=1)[0]
                break
            except subprocess.TimeoutExpired:
                continue
    if lively:
        print()
    if process.returncode != 0:
        lines = said.decode(errors="replace").strip().splitlines()[-5:]
        raise ToolchainError(
            f"{title}: this could not be made:\n"
            + "\n".join(f"  {line}" for line in lines)
            + f"\nThe command was: {' '.join(command)}"
        )


def download(folder: Path) -> None:
    """Put the locked packages into `folder`, as this kind of machine installs them with any Python.

    Raises ToolchainError where the package index cannot be reached.
    """
    machine = os.uname().machine
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in _GLIBC]
    pip = [str(PYTHON), "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    for version in PYTHONS:
        step(
            f"Packages for Python {version}",
            [
                *pip, "--no-deps", "--only-binary=:all:", "--require-hashes", *platforms,
                "--implementation=cp", f"--python-version={version}", f"--dest={folder}",
                f"--requirement={_REQUIREMENTS}",
            ],
        )  # fmt: skip
