"""The script `demo`: the Python that it takes, and what it says before it needs a package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from foundation import project
from launcher import main

DEMO = project.ROOT / "demo"


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, DEMO, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("arguments", [(), ("help",), ("--help",)])
def test_without_a_command_it_says_which_there_are(arguments: tuple[str, ...]) -> None:
    done = demo(*arguments)
    assert done.returncode == 0
    for command in main.COMMANDS:
        assert f"\n  {command} " in done.stdout


@pytest.mark.parametrize("command", ["up", "destroy", "shell", "setup", "tools", "bundle"])
def test_help_of_a_command_is_no_error_and_sets_nothing_up(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(main, "_execute")
    assert main.run(["demo", command, "--help"]) == main.run(["demo", command, "-h"]) == 0
    assert capsys.readouterr().out == main.USAGE * 2


def test_an_unknown_command_is_refused_in_one_line() -> None:
    done = demo("upp")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == "./demo has no command 'upp'. Commands: ./demo help\n"


def test_the_launcher_can_be_started_and_needs_no_package() -> None:
    assert os.access(DEMO, os.X_OK)
    script = (
        f"import runpy, sys; sys.path.insert(0, {str(DEMO.parent)!r}); sys.argv = ['demo'];"
        f"runpy.run_path({str(DEMO)!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout == main.USAGE, done.stderr


def test_ctrl_c_while_modules_are_imported_ends_in_one_line(tmp_path: Path) -> None:
    shutil.copy(DEMO, tmp_path)
    (tmp_path / "launcher").mkdir()
    (tmp_path / "launcher" / "main.py").write_text("raise KeyboardInterrupt")
    command = [sys.executable, tmp_path / "demo", "up"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "\nInterrupted.\n")


@pytest.mark.parametrize(
    "users", [{"PYTHONPATH": "{}"}, {"PYTHONHOME": "{}"}, {"PYTHONSAFEPATH": "1"}]
)
def test_python_modules_of_the_users_other_projects_do_not_count(
    users: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "json.py").write_text("raise ImportError('it is another json')")
    env = {**os.environ, **{name: value.format(tmp_path) for name, value in users.items()}}
    done = subprocess.run([DEMO, "help"], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, main.USAGE), done.stderr


def test_text_is_in_utf_8_whatever_the_locale_has(tmp_path: Path) -> None:
    shutil.copy(DEMO, tmp_path)
    (tmp_path / "launcher").mkdir()
    shown = "import os, sys\nprint(sys.flags.utf8_mode, os.environ['PYTHONUTF8'])\n"
    (tmp_path / "launcher" / "main.py").write_text(f"{shown}raise SystemExit")
    env = {**os.environ, "PYTHONUTF8": "0"}
    command = [tmp_path / "demo"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.stdout == "1 1\n", done.stderr


def machine_with(folder: Path, pythons: dict[str, str]) -> dict[str, str]:
    """Make a checkout without environment, and a PATH of these Pythons; return the variables.

    A Python is `whole`, `without venv`, too `old`, or a `shim` of a version manager that fails.
    """
    (folder / "bin").mkdir()
    shutil.copy(DEMO, folder / "demo")
    answers = {
        "whole": "exit 0",
        "without venv": 'case "$2" in *ensurepip*) exit 1;; esac; exit 0',
        "old": "exit 1",
        "shim": "exit 127",
    }
    for name, kind in pythons.items():
        file = folder / "bin" / name
        version = "Python 3.9.2" if kind == "old" else "Python 3.12.1"
        file.write_text(
            f"#!/bin/sh\n[ $1 = -c ] && {{ {answers[kind]}; }}\n"
            f"[ $1 = --version ] && echo {version} && exit\necho {name} runs $2\n"
        )
        file.chmod(0o755)
    return {"PATH": str(folder / "bin")}


@pytest.mark.parametrize(
    ("pythons", "chosen"),
    [
        ({"python3": "whole"}, "python3"),
        ({"python3": "whole", "python3.11": "whole", "python3.13": "whole"}, "python3.13"),
        ({"python3": "old", "python3.12": "whole"}, "python3.12"),
        ({"python3.14": "shim", "python3.13": "old", "python3": "whole"}, "python3"),
        ({"python3.14": "without venv", "python3.12": "whole"}, "python3.12"),
        ({"python3.14": "without venv", "python3": "old"}, "python3.14"),
    ],
)
def test_the_newest_suitable_python_is_taken(
    tmp_path: Path, pythons: dict[str, str], chosen: str
) -> None:
    env = machine_with(tmp_path, pythons)
    command = ["/bin/sh", str(tmp_path / "demo"), "help"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == f"{chosen} runs help\n" and done.stderr == ""


@pytest.mark.parametrize(
    ("pythons", "found"), [({}, "no python3 at all"), ({"python3": "old"}, "Python 3.9.2")]
)
def test_without_a_suitable_python_one_line_says_what_to_install(
    tmp_path: Path, pythons: dict[str, str], found: str
) -> None:
    env = machine_with(tmp_path, pythons)
    command = ["/bin/sh", str(tmp_path / "demo"), "help"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and found in done.stderr
    assert "sudo apt-get install -y python3" in done.stderr
