"""Errors of the program's own resources, as the engine shows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pulumi import automation

from components.private_file import PrivateFile
from tests.engine.conftest import new_stack

pytestmark = pytest.mark.engine


def test_an_error_for_people_is_shown_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    stack = new_stack(tmp_path, lambda: PrivateFile("a", tmp_path / "taken" / "a", "text") and None)
    with pytest.raises(automation.CommandError, match="cannot be written") as failure:
        stack.up()
    said = str(failure.value)
    assert "free the path and run ./demo up again" in said
    assert "Traceback" not in said
