"""Puts the stand-in in the way of a test's commands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.support.gcp import FOLDER_VARIABLE


def prepare(folder: Path, first_port: int, edge_ports: Mapping[int, int]) -> None:
    """Makes the stand-in's folder: API servers from `first_port` on, and ways to the edge."""
    folder.mkdir(exist_ok=True)
    ports = {str(here): there for here, there in edge_ports.items()}
    settings = {"firstPort": first_port, "edgePorts": ports}
    (folder / "settings.json").write_text(json.dumps(settings))


def environment(folder: Path, root: Path, path: str) -> dict[str, str]:
    """Variables by which the engine finds the stand-in; `root` is the checkout, `path` the PATH."""
    return {
        FOLDER_VARIABLE: str(folder),
        "PATH": f"{root / 'tests' / 'support' / 'gcp'}:{path}",
        "GOOGLE_CREDENTIALS": "of the stand-in",
    }
