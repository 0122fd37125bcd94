"""pulumi-gcp, for stacks of backend gke: where its Python package and its provider are.

The package has a folder of its own. Merely installed in `.venv` it would make Pulumi's language
host report its provider as needed: 200 MB to fetch, and 2.5 s of every run of every other backend.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from foundation import project
from toolchain import venv

FOLDER = project.ROOT / ".venv-gke"
_REQUIREMENTS = project.ROOT / "requirements-gke.txt"
_NEEDED_MB = 300  # 140 MB installed, and as much while pip unpacks it

COMMAND = (
    "python -m pip install --no-deps --no-compile --require-hashes "
    f"--requirement {_REQUIREMENTS.name} --target {FOLDER.name}"
)
"""What installs the package for people who use Pulumi without `./demo`."""

_PLUGIN = "pulumi-resource-gcp"

_USED = ("compute", "container", "projects", "serviceaccount")
"""Of 2400 modules the two hundred that are imported: not compiled, they take 5 s of every run where
Python may not write what it has compiled."""
_COMPILE = (sys.executable, "-m", "compileall", "-q", "-j", "0")


def version() -> str:
    """Return the version of pulumi-gcp, of the package and of the provider alike."""
    match = re.search(r"^pulumi-gcp==([\d.]+)", _REQUIREMENTS.read_text(), re.MULTILINE)
    assert match, f"{_REQUIREMENTS.name} names no pulumi-gcp"
    return match.group(1)


def is_ready() -> bool:
    """Check whether the package is there, in this version."""
    return (FOLDER / f"pulumi_gcp-{version()}.dist-info" / "RECORD").exists()


def ensure() -> None:
    """Install the package, unless it is there: complete or not at all, one process at a time."""
    venv.once(FOLDER, _NEEDED_MB, is_ready, _make)


def _make() -> None:
    for left in project.ROOT.glob(f"{FOLDER.name}.*"):  # by a command that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{FOLDER.name}.", dir=project.ROOT) as name:
        arriving = Path(name) / "packages"
        options = ["--no-deps", "--no-compile", "--target", str(arriving)]
        title = f"pulumi-gcp {version()}, for backend gke (140 MB in {FOLDER.name})"
        venv.step(title, [*venv.installing(sys.executable, _REQUIREMENTS), *options])
        used = [str(arriving / "pulumi_gcp" / part) for part in _USED]
        venv.step("its modules that are used, compiled", [*_COMPILE, *used])
        shutil.rmtree(FOLDER, ignore_errors=True)
        arriving.rename(FOLDER)


def plugin_is_missing(env: Mapping[str, str]) -> bool:
    """Check whether Pulumi has no gcp provider and may not fetch it."""
    if not _is_set(env, "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"):
        return False  # Pulumi fetches it as soon as the first resource is registered
    ambient = not _is_set(env, "PULUMI_IGNORE_AMBIENT_PLUGINS")
    if ambient and shutil.which(_PLUGIN, path=env.get("PATH", os.defpath)):
        return False
    home = Path(env.get("PULUMI_HOME") or Path.home() / ".pulumi")
    return not (home / "plugins" / f"resource-gcp-v{version()}" / _PLUGIN).exists()


def _is_set(env: Mapping[str, str], name: str) -> bool:
    return env.get(name, "").lower() in ("true", "1")
