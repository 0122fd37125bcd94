"""The project's virtual environment: made from locked requirements, entered by every `demo`.

Only the standard library is used, and little of it: this runs first, on any Python 3.11 or newer.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from foundation import files, packages, project, run
from foundation.errors import UserError

PYTHON = project.VENV / "bin" / "python"
_REQUIREMENTS = project.ROOT / "requirements.txt"
STAMP = "installed.txt"
"""File of an environment that is written last: what it was made of."""
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""The versions of Python that run the demo."""
_GLIBC = (5, 12, *range(17, 37))
"""Minor versions of the C library, 2.x, for which packages are compiled."""
_NEEDED_MB = 800  # 470 MB installed, and what pip unpacks meanwhile


def wanted(folder: Path, requirements: Path) -> str:
    """Return what the stamp of a complete environment says: folder, Python, requirements."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"# {folder} Python {version}\n{requirements.read_text()}"


def is_complete(folder: Path, requirements: Path) -> bool:
    """Check whether an environment is complete, of these requirements, and made at this place."""
    try:
        stamp = (folder / STAMP).read_text()
        return stamp == wanted(folder, requirements) and os.access(folder / "bin/python", os.X_OK)
    except OSError:
        return False


def requirements_key() -> str:
    """Return a digest that names the locked requirements."""
    return hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()[:16]


def wheels() -> Path:
    """Return the folder of the locked packages, where a bundle has brought them."""
    from toolchain import tools  # not for a warm start

    return tools.cache_dir() / "wheels" / requirements_key()


def is_ready() -> bool:
    """Check whether the project's environment is complete."""
    return is_complete(project.VENV, _REQUIREMENTS)


def enter(arguments: list[str]) -> None:
    """Return if this is the environment's Python; else make it, and start `demo` in it."""
    inside = Path(sys.prefix) == project.VENV
    ready = is_ready()
    if inside and ready:
        return
    if not ready:
        if inside:  # it cannot be replaced from within
            outer = os.path.realpath(sys.executable)
            os.execv(outer, [outer, *arguments])
        make(prefetch="--build" not in arguments)
    os.execv(PYTHON, [str(PYTHON), *arguments])


def make(prefetch: bool = False) -> None:
    """Make the environment anew. One process at a time; an interrupted one is begun again.

    With `prefetch`, missing tools are downloaded meanwhile.
    """

    def waiting() -> None:
        print("Another run of ./demo is making the Python environment; waiting.", flush=True)

    def new() -> None:
        if importlib.util.find_spec("ensurepip") is None:
            package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
            reason = "Python makes virtual environments with it"
            packages.install([packages.Need("ensurepip", reason, package)])
        count = sum(line[0].isalpha() for line in _REQUIREMENTS.read_text().splitlines() if line)
        began = time.monotonic()
        if project.VENV.is_symlink():  # what it leads to is somebody else's
            project.VENV.unlink()
        (project.VENV / STAMP).unlink(missing_ok=True)
        step("Python environment", [sys.executable, "-m", "venv", "--clear", str(project.VENV)])
        offline = ["--no-index", "--find-links", str(wheels())] if wheels().is_dir() else []
        install = [*installing(PYTHON, _REQUIREMENTS), *offline]
        with _prefetching() if prefetch else contextlib.nullcontext():
            step(f"Python environment: {count} locked packages", install)
        for site in project.VENV.glob("lib/python*/site-packages"):
            shutil.copyfile(Path(__file__).with_name("at_start.py"), site / "demo_at_start.py")
            (site / "demo.pth").write_text("import demo_at_start\n")
        (project.VENV / STAMP).write_text(wanted(project.VENV, _REQUIREMENTS))
        print(f"Python environment ready in {time.monotonic() - began:.0f} s.", flush=True)

    once(project.VENV, _NEEDED_MB, is_ready, new, waiting)


def _prefetching() -> contextlib.AbstractContextManager[None]:
    from toolchain import prefetch  # not for a warm start

    return prefetch.meanwhile()


def once(
    folder: Path,
    megabytes: int,
    is_ready: Callable[[], bool],
    make: Callable[[], None],
    waiting: Callable[[], None] | None = None,
) -> None:
    """Have `make` fill a folder of packages unless it is ready, one process at a time.

    `waiting` is called if another process is at it. Raises UserError where the disk of the
    checkout has less than `megabytes` (of 10^6 bytes) free.
    """
    if is_ready():
        return
    lock = project.private_folder() / f"{folder.name.lstrip('.')}.lock"
    lock.touch(mode=0o600)
    with files.locked(lock, waiting):
        if is_ready():
            return
        free = shutil.disk_usage(project.ROOT).free // 1000**2
        if free < megabytes:
            raise UserError(
                f"The disk of {project.ROOT} has {free} MB free; {folder.name} needs"
                f" {megabytes} MB.\nFree some, then run this again"
            )
        make()


def installing(python: Path | str, requirements: Path) -> list[str]:
    """Return the command that installs locked packages with a Python."""
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [*pip, "--require-hashes", "--requirement", str(requirements)]


def step(title: str, command: list[str]) -> None:
    """Run `command`, showing `title` and the elapsed time meanwhile. Raises UserError."""
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
        raise UserError(
            f"{title}: this could not be made:\n"
            + "\n".join(f"  {line}" for line in lines)
            + f"\nThe command was: {' '.join(command)}"
        )


def download(folder: Path) -> None:
    """Put the locked packages into `folder`, as this kind of machine installs them with any Python.

    Raises UserError where the package index cannot be reached.
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
