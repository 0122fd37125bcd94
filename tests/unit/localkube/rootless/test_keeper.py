"""The process that keeps a user's namespaces: found, entered and ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localkube.rootless import keeper


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A process that has the command line of a keeper, and is none."""
    monkeypatch.setattr(keeper, "MODULE", "this")
    monkeypatch.setattr(keeper, "by_systemd", lambda: False)
    with subprocess.Popen(["sleep", "60"]) as found:
        monkeypatch.setattr(keeper.processes, "command_lines", lambda: _lines(found))
        yield found.pid
        found.kill()


def _lines(found: subprocess.Popen[bytes]) -> Iterator[tuple[int, list[str]]]:
    if found.poll() is None:
        yield found.pid, [sys.executable, "-m", "this"]


def test_a_keeper_counts_once_it_is_ready_and_to_its_own_user_alone(
    process: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keeper.of_user(os.getuid()) is None  # its cgroup is not that of a keeper
    monkeypatch.setattr(keeper, "_is_ready", lambda pid: pid == process)
    assert keeper.of_user(os.getuid()) == process
    assert keeper.of_user(os.getuid() + 4321) is None


def test_it_stays_while_a_lab_of_its_user_runs(
    process: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "supervisords", lambda: [(os.getpid(), Path("/a/lab"))])
    keeper.stop(os.getuid())
    assert keeper._keepers(os.getuid()) == [process]


def test_its_end_is_waited_for(process: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "supervisords", lambda: [(4_000_000, Path("/ended/lab"))])
    keeper.stop(os.getuid())
    assert keeper._keepers(os.getuid()) == []


def test_a_command_that_systemd_refuses_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "busctl").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "busctl").chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    command = ["sh", "-c", keeper._ATTACH, "sh", "touch", str(tmp_path / "ran")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "systemd does not let this command into" in done.stderr
    assert not (tmp_path / "ran").exists()


def test_a_command_keeps_its_words_its_folder_and_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "by_systemd", lambda: True)
    (tmp_path / "busctl").write_text("#!/bin/sh\necho noise\n")
    (tmp_path / "nsenter").write_text(
        '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'
    )
    for name in ("busctl", "nsenter"):
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(keeper.packages, "which", lambda name: str(tmp_path / name))
    line = keeper.entering(1, tmp_path, ["sh", "-c", 'echo "$0"; pwd; exit 7', "two words"])
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(line, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (7, f"two words\n{tmp_path}\n"), done.stderr
