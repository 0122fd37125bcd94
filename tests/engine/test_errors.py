"""Errors as the engine shows them: of the program's own resources, and of a torn state."""

from __future__ import annotations

import pytest

from launcher import leftovers
from tests.engine.conftest import Project

pytestmark = pytest.mark.engine

PROGRAM = """
from pathlib import Path
from components.private_file import PrivateFile
from foundation import pulumi_process

pulumi_process.prepare_program()  # as the demo's: the engine interrupts a slow program's end
PrivateFile("a", Path(__file__).parent / "taken" / "a", "text")
"""


def test_an_error_for_people_is_shown_without_a_traceback(project: Project) -> None:
    (project.folder / "__main__.py").write_text(PROGRAM)
    (project.folder / "taken").write_text("a file where a folder should be")
    project.select("west")
    done = project.pulumi("up", "--yes", "--skip-preview")
    assert done.returncode != 0
    assert "taken/a cannot be written" in done.stdout
    assert "free the path and run this again" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_state_whose_attributes_are_torn_is_read_again(project: Project) -> None:
    """As Pulumi leaves them when it is killed between their creation and their content."""
    project.select("west")
    backend = project.folder.parent / "state"
    (attributes,) = backend.rglob("west.json.attrs")
    attributes.write_text("")
    done = project.pulumi("stack", "export")
    assert done.returncode != 0 and "EOF" in done.stdout
    leftovers.remove_torn_attributes(backend)
    done = project.pulumi("stack", "export")
    assert done.returncode == 0, done.stdout
