"""Whether the virtual environment is as it was made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from foundation import project
from foundation.project import ROOT
from toolchain import venv


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a virtual environment that was made completely."""
    folder = tmp_path / ".venv"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "requirements.txt").write_text("one==1\n")
    monkeypatch.setattr(project, "VENV", folder)
    monkeypatch.setattr(venv, "PYTHON", folder / "bin" / "python")
    monkeypatch.setattr(venv, "_REQUIREMENTS", tmp_path / "requirements.txt")
    (folder / "installed.txt").write_text(venv.wanted(folder, tmp_path / "requirements.txt"))
    return tmp_path


def test_an_environment_is_ready_when_all_is_as_it_was_made(made: Path) -> None:
    assert venv.is_ready()


@pytest.mark.parametrize("damage", ["no stamp", "other requirements", "moved", "no python"])
def test_an_environment_is_made_anew_when_anything_differs(
    made: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if damage == "no stamp":
        (made / ".venv" / "installed.txt").unlink()
    elif damage == "other requirements":
        (made / "requirements.txt").write_text("one==2\n")
    elif damage == "moved":
        monkeypatch.setattr(project, "VENV", made / "elsewhere")
    else:
        (made / ".venv" / "bin" / "python").unlink()
    assert not venv.is_ready()


AS_PYTHON_STARTS = """
import os, signal, site, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
site.addsitedir(sys.argv[1])
print("importing")
os.kill(os.getpid(), signal.SIGINT)
signal.pause() if "exec" not in sys.argv[0] else None
"""
"""A program whose interpreter begins with what is in a folder, and which gets a Ctrl-C."""


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [("pulumi-language-python-exec", 0, ""), ("program", 130, "\nInterrupted.\n")],
)
def test_ctrl_c_shows_no_traceback_from_the_start_of_a_process(
    made: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int, said: str
) -> None:
    """Of the program's process it is the engine's affair."""
    site = made / ".venv" / "lib" / "python3.11" / "site-packages"

    def step(title: str, command: list[str]) -> None:
        site.mkdir(parents=True, exist_ok=True)

    (made / ".venv" / "installed.txt").unlink()
    monkeypatch.setattr(venv, "step", step)
    monkeypatch.setattr(project, "PRIVATE", made)
    monkeypatch.setattr(venv, "_NEEDED_MB", 0)
    venv.make()
    assert venv.is_ready()
    (made / name).write_text(AS_PYTHON_STARTS)
    # without what the tests' own environment begins with
    command = [sys.executable, "-S", str(made / name), str(site)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, "importing\n", said)


def test_other_errors_are_shown_as_ever() -> None:
    command = "import toolchain.at_start; print('x', flush=True); raise ValueError('no such field')"
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr and done.stderr.endswith("ValueError: no such field\n")
