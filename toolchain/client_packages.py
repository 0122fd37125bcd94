"""The environment of the client libraries that `./demo task clients` measures.

It is apart from the demo's own: what is measured is one version of each library, and nothing here
uses them.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from foundation import files, project
from foundation.errors import UserError
from toolchain import venv

FOLDER = project.ROOT / ".venv-clients"
PYTHON = FOLDER / "bin" / "python"
_REQUIREMENTS = project.ROOT / "requirements-clients.txt"
_STAMP = FOLDER / "installed.txt"  # written last: what the environment was made of
_NEEDED_MB = 150  # 70 MB installed, and what pip unpacks meanwhile


def versions() -> dict[str, str]:
    """Return the version of each locked package, by its name."""
    found = re.findall(r"^([a-z0-9-]+)==([^ \\]+)", _REQUIREMENTS.read_text(), re.MULTILINE)
    return dict(found)


def is_ready() -> bool:
    """Return whether the environment is complete, of these requirements and this Python."""
    try:
        return _STAMP.read_text() == _wanted() and PYTHON.exists()
    except OSError:
        return False


def ensure() -> Path:
    """Make the environment unless it is there, one process at a time; return its Python.

    Raises UserError where the disk is full or a package cannot be had.
    """
    if is_ready():
        return PYTHON
    lock = project.private_folder() / "venv-clients.lock"
    lock.touch(mode=0o600)
    with files.locked(lock):
        if is_ready():
            return PYTHON
        free = shutil.disk_usage(project.ROOT).free // 1000**2
        if free < _NEEDED_MB:
            raise UserError(
                f"The disk of {project.ROOT} has {free} MB free; the clients' packages need"
                f" {_NEEDED_MB} MB.\nFree some, then run this again"
            )
        _STAMP.unlink(missing_ok=True)
        title = f"client libraries: {len(versions())} locked packages in {FOLDER.name}"
        venv.step(
            "Python environment of clients", [sys.executable, "-m", "venv", "--clear", str(FOLDER)]
        )
        pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        venv.step(title, [*pip, "--require-hashes", "--requirement", str(_REQUIREMENTS)])
        _STAMP.write_text(_wanted())
    return PYTHON


def _wanted() -> str:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"# {FOLDER} Python {version}\n{_REQUIREMENTS.read_text()}"
