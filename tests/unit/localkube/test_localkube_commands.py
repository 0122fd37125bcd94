"""What `./demo local` refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from localkube import __main__ as commands


@pytest.mark.parametrize("folder", ["", ".demo", ".demo/west", "lab", ".demo/west/lab/clusters"])
def test_only_a_labs_folder_is_removed(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / folder / "kept"
    kept.mkdir(parents=True)
    monkeypatch.setattr(commands.lab, "destroy", lambda _: pytest.fail("it is removed"))
    assert commands.main(["sweep", str(tmp_path / folder)]) == 1
    assert "is no lab's state folder, and nothing was removed" in capsys.readouterr().err
    assert kept.exists()


def test_a_labs_folder_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / ".demo" / "west" / "lab"
    folder.mkdir(parents=True)
    assert commands.main(["sweep", str(folder)]) == 0
    assert not folder.exists()
