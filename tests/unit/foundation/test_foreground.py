"""A command in the foreground: its folder, its exit code, and the signals that reach it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from foundation import project, run
from foundation.errors import ToolMissing
from tests.support.waiting import eventually


def launch(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Starts run.foreground in a process of its own: it is for one that has no other thread."""
    program = (
        "import os, pathlib, signal, sys; from foundation import run;"
        # tests that run in a shell's background have it ignored, and what is ignored stays so
        "signal.signal(signal.SIGINT, signal.SIG_DFL);"
        "here = pathlib.Path.cwd();"
        "env = {**os.environ, 'WHO': 'me'};"
        f"code = run.foreground({command!r}, env, pathlib.Path({str(folder)!r}));"
        "assert pathlib.Path.cwd() == here;"
        f"pathlib.Path({str(folder)!r}, 'interrupted').write_text(str(run.was_interrupted()));"
        "sys.exit(code)"
    )
    return subprocess.Popen([sys.executable, "-c", program], cwd=project.ROOT)


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_the_exit_code_comes_back(script: str, code: int, tmp_path: Path) -> None:
    assert launch(["sh", "-c", script], tmp_path).wait(timeout=20) == code


def test_a_command_runs_in_its_folder_and_environment(tmp_path: Path) -> None:
    assert launch(["sh", "-c", 'echo "$WHO" > said'], tmp_path).wait(timeout=20) == 0
    assert (tmp_path / "said").read_text() == "me\n"
    assert (tmp_path / "interrupted").read_text() == "False"


def test_a_command_that_is_not_there_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(ToolMissing, match=r"nothing-like-it is not there.*\./demo setup"):
        run.foreground(["nothing-like-it"], os.environ, tmp_path)


# A shell that says when it is ready, and what reached it.
PATIENT = """
trap 'echo INT >> got' INT
trap 'echo TERM >> got; exit 3' TERM
echo $$ > ready
while :; do sleep 0.05; done
"""


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Runs PATIENT by run.foreground in a process of its own; returns it when all is ready."""
    process = launch(["sh", "-c", PATIENT], folder)
    ready = folder / "ready"
    eventually(lambda: ready.exists() and ready.read_text().strip() != "", "it is ready", 20)
    return process


def test_a_signal_to_the_launcher_reaches_the_command_once(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.send_signal(signal.SIGINT)
    eventually(lambda: (tmp_path / "got").exists(), "the signal is there", 20)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 3
    assert (tmp_path / "got").read_text() == "INT\nTERM\n"
    assert (tmp_path / "interrupted").read_text() == "True"


def test_the_command_ends_with_a_launcher_that_is_killed(tmp_path: Path) -> None:
    process = start(tmp_path)
    child = int((tmp_path / "ready").read_text())
    process.kill()
    process.wait(timeout=20)
    gone = Path(f"/proc/{child}")
    eventually(lambda: not gone.exists() or _is_zombie(child), "the command has ended", 20)


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
