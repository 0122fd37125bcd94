"""The environment of the client libraries that `./demo task clients` measures.

It is apart from the demo's own: what is measured is one version of each library, and nothing here
uses them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from foundation import project
from toolchain import venv

FOLDER = project.ROOT / ".venv-clients"
PYTHON = FOLDER / "bin" / "python"
_REQUIREMENTS = project.ROOT / "requirements-clients.txt"
_NEEDED_MB = 150  # 70 MB installed, and what pip unpacks meanwhile


def versions() -> dict[str, str]:
    """Return the version of each locked package, by its name."""
    found = re.findall(r"^([a-z0-9-]+)==([^ \\]+)", _REQUIREMENTS.read_text(), re.MULTILINE)
    return dict(found)


def is_ready() -> bool:
    """Return whether the environment is complete, of these requirements and this Python."""
    return venv.is_complete(FOLDER, _REQUIREMENTS)


def ensure() -> Path:
    """Make the environment unless it is there, one process at a time; return its Python.

    Raises UserError where the disk is full or a package cannot be had.
    """
    venv.once(FOLDER, _NEEDED_MB, is_ready, _make)
    return PYTHON


def _make() -> None:
    (FOLDER / venv.STAMP).unlink(missing_ok=True)
    new = [sys.executable, "-m", "venv", "--clear", str(FOLDER)]
    venv.step("Python environment of clients", new)
    title = f"client libraries: {len(versions())} locked packages in {FOLDER.name}"
    venv.step(title, venv.installing(PYTHON, _REQUIREMENTS))
    (FOLDER / venv.STAMP).write_text(venv.wanted(FOLDER, _REQUIREMENTS))
