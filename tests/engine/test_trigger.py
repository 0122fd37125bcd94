"""The failback trigger and the real engine."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest

from components.gateways.trigger import FailbackTrigger
from drills import failback
from tests.engine.conftest import changes, new_stack

pytestmark = pytest.mark.engine


def test_a_trigger_has_a_new_text_only_where_it_is_replaced(tmp_path: Path) -> None:
    def program() -> None:
        pulumi.export("text", FailbackTrigger("corp-edge-failback", None).text)

    stack = new_stack(tmp_path, program)
    first, same, told = (
        stack.up(replace=replaced).outputs["text"].value
        for replaced in ([], [], [failback.TRIGGER])
    )
    assert first == same != told
    assert changes(stack) == ({"same": 2}, set())
    assert Path(stack.workspace.work_dir).is_relative_to(tmp_path), "it would stay in /tmp"
