"""Temporary files of a command go with it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from foundation import scratch


def test_the_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    parent = tmp_path / "tmp"
    with scratch.folder(parent) as folder:
        (folder / "kubeconfig123").write_text("keys")
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not parent.exists()


def test_it_is_gone_after_a_failure_too(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), scratch.folder(tmp_path / "tmp"):
        raise KeyboardInterrupt
    assert not (tmp_path / "tmp").exists()


def test_what_a_killed_command_left_is_removed_but_not_what_one_that_runs_uses(
    tmp_path: Path,
) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    running = subprocess.Popen(["sleep", "60"])
    try:
        for process in (ended, running):
            (tmp_path / str(process.pid)).mkdir()
        with scratch.folder(tmp_path):
            assert not (tmp_path / str(ended.pid)).exists()
            assert (tmp_path / str(running.pid)).exists()
    finally:
        running.kill()
        running.wait()
