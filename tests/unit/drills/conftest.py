"""Stacks of drills' tests, and guards that mend nothing real."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pytest

from drills import action
from drills.journal import Journal
from drills.stack import Stack
from foundation import project
from tests.support import isolation
from tests.support.drill_stack import ACTIVE, EAST, WEST


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    weights = {EAST: 100, WEST: 100}
    folder = tmp_path / "west"
    return Stack("west", folder, tmp_path / "kubeconfig", weights, "active", order=ACTIVE)


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch, stack: Stack) -> list[tuple[str, str]]:
    """What guards have mended, with the stack in a folder of the test's own."""
    done: list[tuple[str, str]] = []

    def mend(_: Stack, fault: Any, cluster: str, __: Any) -> None:
        done.append((fault.name, cluster))
        Journal(stack.folder).remove(fault.name, cluster)

    monkeypatch.setattr(action, "mend", mend)
    monkeypatch.setattr(Stack, "selected", staticmethod(lambda *_: stack))
    monkeypatch.setattr("drills.guard.project.stack_folder", lambda _: stack.folder)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return done


@pytest.fixture
def own_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stacks as delivered, whatever the checkout's own settings say."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(project.ROOT / "Pulumi.yaml", folder)
    isolation.write_settings(folder)
    monkeypatch.setattr(project, "ROOT", folder)
