"""A checkout to start commands in."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation import project
from toolchain import tools


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own whose tools were all built."""
    monkeypatch.setattr(project, "ROOT", tmp_path)
    monkeypatch.setattr(project, "PRIVATE", tmp_path / ".demo")
    monkeypatch.setattr(tools, "is_ours", lambda name: True)
    monkeypatch.setattr(tools, "path", lambda name: tmp_path / "store" / name)
    monkeypatch.delenv("PULUMI_STACK", raising=False)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "pulumi-resource-kubernetes").touch()
    (tmp_path / "Pulumi.yaml").write_text("name: proj\nruntime: python\n")
    return tmp_path
