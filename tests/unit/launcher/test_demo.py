"""The launcher: what it refuses, how it enters its environment, how it runs a command."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from foundation import packages, project, run
from foundation.errors import ToolMissing, UserError
from launcher import commands, main, rootless, stack_commands
from toolchain import venv

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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], r"no stack 'nope': Pulumi\.nope\.yaml does not exist\. Stacks: east, west"),
        (["west", "east"], r"usage: \./demo up \[STACK\]"),
        (["--diff"], r"\./demo pulumi up"),
        (["../west"], r"no stack '\.\./west'"),
    ],
)
def test_a_stack_is_one_that_has_settings(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        commands.stack_named("up", arguments, ["east", "west"])


def test_the_stack_is_west_unless_it_is_named() -> None:
    assert commands.stack_named("up", [], ["east", "west"]) == "west"
    assert commands.stack_named("up", ["east"], ["east", "west"]) == "east"


def test_every_command_is_listed_and_runs() -> None:
    runnable = {
        *commands._ON_STACK, *commands._WITH_ARGUMENTS, *commands._ON_TOOLS, "help"
    }  # fmt: skip
    assert runnable == set(main.COMMANDS)


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


def test_a_missing_package_is_named_with_the_command_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    needs = [packages.Need("seccomp.h", "runc is built with it", "libseccomp-dev")]
    with pytest.raises(UserError, match="sudo apt-get install -y libseccomp-dev") as refusal:
        packages.install(needs)
    assert "seccomp.h is missing (runc is built with it)" in str(refusal.value)
    packages.install([])


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
    wait_for(lambda: (folder / "ready").exists() and (folder / "ready").read_text().strip() != "")
    return process


def wait_for(condition: object, seconds: float = 20) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


def test_a_signal_to_the_launcher_reaches_the_command_once(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.send_signal(signal.SIGINT)
    wait_for(lambda: (tmp_path / "got").exists())
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 3
    assert (tmp_path / "got").read_text() == "INT\nTERM\n"
    assert (tmp_path / "interrupted").read_text() == "True"


def test_the_command_ends_with_a_launcher_that_is_killed(tmp_path: Path) -> None:
    process = start(tmp_path)
    child = int((tmp_path / "ready").read_text())
    process.kill()
    process.wait(timeout=20)
    wait_for(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child))


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


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


def test_up_refuses_a_full_disk_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def touched(*_: object) -> None:
        raise AssertionError("the update went on")

    monkeypatch.setattr(commands.project, "PRIVATE", tmp_path)
    monkeypatch.setattr(commands.selection, "setting", lambda *_: "local")
    monkeypatch.setattr(commands.setup, "ensure", lambda: None)
    monkeypatch.setattr(commands.environment, "prepare", touched)
    monkeypatch.setattr(stack_commands.preflight, "DISK_BYTES", 10**18)
    with pytest.raises(UserError, match=r"^the disk of \S+ has .* free, .* needed: free some"):
        commands.execute("up", [])


def test_an_update_of_other_clusters_needs_disk_for_the_state_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands.selection, "setting", lambda *_: "existing")
    monkeypatch.setattr(stack_commands.preflight, "DISK_BYTES", 10**18)
    stack_commands.check_space("west")
    monkeypatch.setattr(stack_commands.preflight, "STATE_BYTES", 10**18)
    with pytest.raises(UserError, match="needed: free some"):
        stack_commands.check_space("west")


@pytest.mark.parametrize(
    ("codes", "runs", "code"),
    [([0, 0], 2, 0), ([1, 0], 2, 1), ([0, 1], 2, 1), ([2], 1, 2), ([143], 1, 143)],
)
def test_all_tests_are_run_unless_somebody_ends_them(
    monkeypatch: pytest.MonkeyPatch, codes: list[int], runs: int, code: int
) -> None:
    left = list(codes)
    monkeypatch.setattr(commands.run, "foreground", lambda *_: left.pop(0))
    assert commands._test({}, []) == code
    assert len(codes) - len(left) == runs


def test_arguments_of_pytest_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(commands.run, "foreground", lambda line, *_: bool(seen.append(line)))
    commands._test({}, ["tests/unit", "-x"])
    assert [line[3:] for line in seen] == [["tests/unit", "-x"]]


@pytest.mark.parametrize("name", ["pulumi", "tmp", "identity"])
def test_a_stack_is_not_called_as_what_is_beside_the_stacks(name: str) -> None:
    with pytest.raises(UserError, match=f"No stack can be called {name}"):
        commands.stack_named("destroy", [name], ["west", name])


@pytest.mark.parametrize(
    ("user", "backend", "refused"),
    [(1000, "local", True), (0, "local", False), (1000, "existing", False)],
)
def test_who_may_not_have_embedded_clusters_is_told_before_the_tools_are_made(
    user: int, backend: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rootless.os, "geteuid", lambda: user)
    monkeypatch.setattr(rootless.selection, "setting", lambda stack, key: backend)
    monkeypatch.setattr(rootless.keeper, "of_user", lambda _: None)
    monkeypatch.setattr(rootless.requirements, "to_enter", lambda: ["no newuidmap"])
    monkeypatch.setattr(rootless.requirements, "to_start", lambda: ["no ids"])
    told = r"no newuidmap\n  no ids\nOr as root: sudo -E \./demo up west"
    with pytest.raises(UserError, match=told) if refused else nullcontext():
        rootless.check("west")
    assert not rootless.is_wanted("up", "west")


@pytest.mark.parametrize("command", ["up", "pulumi", "task", "kubectl"])
def test_what_reaches_into_clusters_runs_in_the_users_namespaces(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rootless.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(rootless.selection, "setting", lambda stack, key: "local")
    monkeypatch.setattr(rootless.keeper, "of_user", lambda _: None)
    monkeypatch.setattr(rootless.requirements, "to_enter", list)
    assert rootless.is_wanted(command, "west") is (command != "kubectl")


def test_an_archive_of_an_image_is_looked_for_where_the_user_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(commands.run, "foreground", lambda line, *_: bool(seen.append(line)))
    monkeypatch.chdir(tmp_path)
    commands._local({}, ["load", "--help", "shop.tar", "/shop.tar"])
    commands._local({}, ["unload", "shop"])
    assert [line[3:] for line in seen] == [
        ["load", "--help", f"{tmp_path}/shop.tar", "/shop.tar"], ["unload", "shop"],
    ]  # fmt: skip
