"""Errors for people are one family, and every command ends in the same way."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from drills import __main__ as drills_command
from drills.report import __main__ as report_command
from drills.stack import Stack
from drills.traffic import __main__ as traffic_command
from foundation import project
from foundation.entry import entry
from foundation.errors import UsageError, UserError, first_of, last_line, shortened

PACKAGES = (
    "components",
    "drills",
    "foundation",
    "launcher",
    "localkube",
    "policies",
    "preview",
    "toolchain",
    "topology",
)
EXTRA = {"pulumi_gcp"}
"""Packages that are installed only where they are used."""


def modules() -> list[str]:
    """Every module of the packages, their command lines included.

    Pulumi runs the policies' command line as a program by itself, from its own folder.
    """
    found = []
    for package in PACKAGES:
        for file in sorted((project.ROOT / package).rglob("*.py")):
            parts = file.relative_to(project.ROOT).with_suffix("").parts
            if "modules" not in parts:
                found.append(".".join(parts).removesuffix(".__init__"))
    return [name for name in found if name != "policies.__main__"]


def own_errors() -> dict[str, type[Exception]]:
    """Every exception class that the packages define, but those that never leave a module."""
    found = {}
    for name in modules():
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as missing:
            assert missing.name in EXTRA
            continue
        found |= {
            f"{name}.{each.__name__}": each
            for each in vars(module).values()
            if isinstance(each, type)
            and issubclass(each, Exception)
            and each.__module__ == name
            and not each.__name__.startswith("_")
        }
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_error_is_a_user_error() -> None:
    found = own_errors()
    assert {
        "foundation.commands.Failed",
        "components.routing.annotations.RouteError",
    } <= found.keys()
    assert [name for name, each in found.items() if not issubclass(each, UserError)] == []


def test_every_module_can_be_imported_without_tools(tmp_path: Path) -> None:
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n"
        "        importlib.import_module(name)\n"
        "    except ModuleNotFoundError as missing:\n"
        f"        assert missing.name in {EXTRA!r}, missing\n"
    )
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PATH": os.defpath}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *modules()],
        cwd=project.ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("*.json"))


def raising(error: BaseException) -> int:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("no port; free it"), 1, "error: no port; free it\n"),
        (UsageError("usage: ./demo setup"), 2, "usage: ./demo setup\n"),
        (KeyboardInterrupt(), 130, "\nInterrupted.\n"),
    ],
)
def test_a_command_ends_with_a_line_and_a_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry(lambda: raising(error)) == code
    assert capsys.readouterr() == ("", said)


def test_a_command_that_needs_another_code_for_errors_has_it() -> None:
    assert entry(lambda: raising(UserError("none")), failed=2) == 2
    assert entry(lambda: 3) == 3


def test_a_defect_of_the_demo_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        entry(lambda: 1 // 0)


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (UserError("not up"), 1)])
def test_traffic_and_drills_end_in_order_while_the_stack_is_looked_up(
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Stack, "selected", lambda *_: raising(error))
    assert traffic_command.main([]) == code
    assert drills_command.main(["status"]) == code
    said = capsys.readouterr().err
    assert said.count("error: not up" if code == 1 else "Interrupted.") == 2


def test_a_report_of_no_run_is_an_error_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_command.main(["no-such-run"]) == 1
    assert capsys.readouterr().err.startswith("error: There is no run 'no-such-run'.")


def test_kubectls_reason_is_its_last_line_that_is_no_log() -> None:
    said = "E1124 19:50:20.123 1 memcache.go:265] noise\nerror: You must be logged in\n"
    assert last_line(said) == "You must be logged in"
    assert last_line("") == "no message"


def test_what_is_too_long_to_be_shown_is_cut_and_says_so() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("abcd", 3) == "ab…"
    assert first_of(["a", "b"], 2) == "a, b"
    assert first_of(["a", "b", "c", "d"], 2) == "a, b and 2 more"
