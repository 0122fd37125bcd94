"""Errors of the program's own resources, as the engine shows them."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Project

pytestmark = pytest.mark.engine

PROGRAM = """
from pathlib import Path
from components.private_file import PrivateFile

PrivateFile("a", Path(__file__).parent / "taken" / "a", "text")
"""


def test_an_error_for_people_is_shown_without_a_traceback(project: Project) -> None:
    (project.folder / "__main__.py").write_text(PROGRAM)
    (project.folder / "taken").write_text("a file where a folder should be")
    project.select("west")
    done = project.pulumi("up", "--yes", "--skip-preview")
    assert done.returncode != 0
    assert "taken/a cannot be written" in done.stdout
    assert "free the path and run ./demo up again" in done.stdout
    assert "Traceback" not in done.stdout
