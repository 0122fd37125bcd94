"""What `./demo task lint` checks holds: style, types, imports, spelling and prose."""

from __future__ import annotations

import os
import subprocess

import pytest
import yaml

from foundation.project import ROOT, VENV

LINT: list[str] = yaml.safe_load((ROOT / "Taskfile.yml").read_text())["tasks"]["lint"]["cmds"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("command", LINT, ids=lambda command: " ".join(command.split()[:2]))
def test_a_check_finds_nothing(command: str) -> None:
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        shell=True,
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
