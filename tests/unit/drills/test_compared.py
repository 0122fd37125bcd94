"""What a killed update has left is compared until every cluster has answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drills import compared, reconcile
from drills.stack import Stack
from foundation import contract
from foundation.errors import UserError

EAST = "east-cluster"


@pytest.mark.parametrize(
    ("look", "failed", "reason"),
    [
        (reconcile.Look(), [], ""),
        (reconcile.Look(silent={EAST: "refused"}), [], "east-cluster does not answer: refused"),
        (reconcile.Look(), ["east-cluster: a is not mended"], "a is not mended"),
    ],
)
def test_the_note_goes_when_all_was_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: Any, failed: list[str], reason: str
) -> None:
    note = tmp_path / contract.KILLED_FILE
    note.touch()
    monkeypatch.setattr(reconcile, "look", lambda _: look)
    monkeypatch.setattr(reconcile, "mend", lambda *_: list(failed))
    stack = Stack("west", tmp_path, tmp_path / "kubeconfig", {EAST: 1}, "active")
    if reason:
        with pytest.raises(UserError, match=reason):
            compared._run(stack)
    else:
        assert compared._run(stack) == 0
    assert note.exists() is bool(reason)
