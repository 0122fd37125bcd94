"""A command in the foreground: its folder, its exit code, and the signals that reach it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from foundation import project, run
from foundation.errors import ToolMissing
from tests.support.waiting import eventually

AS_IN_FRONT = "signal.signal(signal.SIGINT, signal.SIG_DFL);"
"""Tests that run in a shell's background have it ignored, and what is ignored stays so."""

AS_A_BACKGROUND_JOB = (
    "signal.signal(signal.SIGINT, signal.SIG_IGN); os.dup2(os.open(os.devnull, os.O_RDONLY), 0);"
)
"""What a shell does for a command of a script that ends with `&`."""


def launch(
    command: list[str],
    folder: Path,
    more: str = "",
    terminal: int | None = None,
    before: str = "",
    job: str = AS_IN_FRONT,
) -> subprocess.Popen[bytes]:
    """Starts run.foreground in a process of its own: it is for one that has no other thread.

    With `terminal`, the other end of one, it leads the session of that terminal.
    """
    program = (
        f"import os, pathlib, signal, sys; from foundation import run; {job}"
        "here = pathlib.Path.cwd();"
        "env = {**os.environ, 'WHO': 'me'};"
        f"code = run.foreground({command!r}, env, pathlib.Path({str(folder)!r}){more});"
        "assert pathlib.Path.cwd() == here;"
        f"pathlib.Path({str(folder)!r}, 'interrupted').write_text(str(run.was_interrupted()));"
        "sys.exit(code)"
    )
    first = ("setsid", "--ctty", *before.split()) if terminal else ()
    line = [*first, sys.executable, "-c", program]
    return subprocess.Popen(line, cwd=project.ROOT, stdin=terminal)


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


def start(folder: Path, more: str = "", **how: Any) -> subprocess.Popen[bytes]:
    """Runs PATIENT by run.foreground in a process of its own; returns it when all is ready."""
    process = launch(["sh", "-c", PATIENT], folder, more, **how)
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


def test_a_signal_that_comes_twice_at_once_is_passed_on_once(tmp_path: Path) -> None:
    process = start(tmp_path)
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 3
    assert (tmp_path / "got").read_text() == "INT\nTERM\n"


def test_in_a_scripts_background_an_interrupt_reaches_the_command(tmp_path: Path) -> None:
    process = start(tmp_path, job=AS_A_BACKGROUND_JOB)
    process.send_signal(signal.SIGINT)
    eventually(lambda: (tmp_path / "got").exists(), "the signal is there", 20)
    process.terminate()
    assert process.wait(timeout=20) == 3
    assert (tmp_path / "got").read_text() == "INT\nTERM\n"


def test_in_a_scripts_background_what_is_typed_interrupts_nothing(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = start(tmp_path, terminal=theirs, job=AS_A_BACKGROUND_JOB)
    os.write(ours, b"\x03")
    time.sleep(0.5)  # in which nothing may come
    process.terminate()
    assert process.wait(timeout=20) == 3
    assert (tmp_path / "got").read_text() == "TERM\n"
    os.close(theirs)
    os.close(ours)


def test_in_a_scripts_background_the_end_of_the_terminal_ends_a_command(tmp_path: Path) -> None:
    process = close_terminal(tmp_path, job=AS_A_BACKGROUND_JOB)
    assert process.wait(timeout=20) == 128 + signal.SIGHUP


def close_terminal(folder: Path, more: str = "", **how: Any) -> subprocess.Popen[bytes]:
    """Starts a command on a terminal, and closes that."""
    ours, theirs = pty.openpty()
    process = start(folder, more, terminal=theirs, **how)
    os.close(theirs)
    os.close(ours)
    return process


def test_the_end_of_the_terminal_ends_a_command(tmp_path: Path) -> None:
    assert close_terminal(tmp_path).wait(timeout=20) == 128 + signal.SIGHUP
    assert (tmp_path / "interrupted").read_text() == "True"


def test_a_command_that_would_die_of_it_is_interrupted_once_when_the_terminal_ends(
    tmp_path: Path,
) -> None:
    process = close_terminal(tmp_path, ", hangup=signal.SIGINT")
    eventually(lambda: (tmp_path / "got").exists(), "the signal is there", 20)
    process.send_signal(signal.SIGHUP)  # as shells do
    process.terminate()
    assert process.wait(timeout=20) == 3
    assert (tmp_path / "got").read_text() == "INT\nTERM\n"


def test_under_nohup_the_end_of_the_terminal_is_nothing(tmp_path: Path) -> None:
    process = close_terminal(tmp_path, ", hangup=signal.SIGINT", before="nohup")
    time.sleep(0.5)  # in which nothing may come
    process.terminate()
    assert process.wait(timeout=20) == 3
    assert (tmp_path / "got").read_text() == "TERM\n"


def test_the_command_ends_with_a_launcher_that_is_killed(tmp_path: Path) -> None:
    process = start(tmp_path)
    child = int((tmp_path / "ready").read_text())
    process.kill()
    process.wait(timeout=20)
    gone = Path(f"/proc/{child}")
    eventually(lambda: not gone.exists() or _is_zombie(child), "the command has ended", 20)


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_signals_close_together_interrupt_once_and_one_that_comes_later_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("foundation.run.time.monotonic", lambda: now)
    done = []
    with pytest.raises(KeyboardInterrupt), run.interruptible():
        try:
            with run.interruptible():
                signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            done.append("cleaned up")
            now += 2
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
    assert done == ["cleaned up"]
