"""What the processes that Pulumi starts do at their start and at their end."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

import grpc
import pulumi
import pytest
from pulumi.runtime import stack
from pulumi.runtime.settings import set_root_resource

from foundation import project, pulumi_process
from foundation.errors import UserError
from tests.support.event_loops import closed_at_the_end


@pytest.mark.parametrize(
    ("variable", "sent"), [("", []), ("true", ["registering"])], ids=["not wanted", "wanted"]
)
def test_debug_messages_reach_only_who_asks_for_them(
    variable: str, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "debug", said.append)
    monkeypatch.setattr(pulumi.log, "error", pulumi.log.error)  # put back at the end
    monkeypatch.setenv(pulumi_process.WANTS_DEBUG, variable)
    monkeypatch.setattr(pulumi_process, "end_quickly", lambda: None)
    pulumi_process.prepare_program()
    pulumi.log.debug("registering")
    assert said == sent


def test_an_error_that_the_engine_no_longer_hears_does_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unheard(*_: object, **__: object) -> None:
        """Fail as a closed channel does."""
        raise grpc.RpcError

    monkeypatch.setattr(pulumi.log, "debug", pulumi.log.debug)  # put back at the end
    monkeypatch.setattr(pulumi.log, "error", unheard)
    monkeypatch.setattr(pulumi_process, "end_quickly", lambda: None)
    with pytest.raises(grpc.RpcError):
        pulumi.log.error("shutting down")
    pulumi_process.prepare_program()
    pulumi.log.error("shutting down")


def test_the_end_of_the_engine_is_no_error_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "debug", pulumi.log.debug)  # put back at the end
    monkeypatch.setattr(pulumi.log, "error", said.append)
    monkeypatch.setattr(pulumi_process, "end_quickly", lambda: None)
    pulumi_process.prepare_program()
    text = "Program failed with an unhandled exception:\nTraceback (most recent call last):\n"
    pulumi.log.error(f"{text}  ...\nException: context canceled\n")
    pulumi.log.error(f"{text}  ...\nException: no such field\n")
    assert said == [f"{text}  ...\nException: no such field\n"]


@pytest.mark.parametrize(
    ("words", "ignored"),
    [
        (["python", "-m", "pytest"], False),
        (["python", "-u", "/tools/pulumi-language-python-exec", "--stack", "west"], True),
    ],
)
def test_ctrl_c_is_the_engines_affair_where_it_runs_the_program(
    monkeypatch: pytest.MonkeyPatch, words: list[str], ignored: bool
) -> None:
    # a shell starts what is in the background with SIGINT ignored: these tests, too
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(sys, "orig_argv", words)
    try:
        pulumi_process.leave_interrupts_to_the_engine()
        assert (signal.getsignal(signal.SIGINT) is signal.SIG_IGN) is ignored
    finally:
        signal.signal(signal.SIGINT, before)


AS_PULUMI = """
import importlib.abc, runpy, signal, sys

class Look(importlib.abc.MetaPathFinder):
    def find_spec(self, name, *_):
        if name == "components":
            sys.exit(0 if signal.getsignal(signal.SIGINT) is signal.SIG_IGN else "not ignored")

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Look())
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def test_ctrl_c_is_the_engines_affair_before_the_program_imports_the_rest(tmp_path: Path) -> None:
    program = tmp_path / "pulumi-language-python-exec"
    program.write_text(AS_PULUMI)
    command = [sys.executable, str(program), str(project.ROOT / "__main__.py")]
    env = {"PYTHONPATH": str(project.ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_provider_reports_an_error_for_people_by_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(traceback, "format_exc", traceback.format_exc)  # put back at the end
    monkeypatch.setattr(pulumi_process, "end_quickly", lambda: None)
    pulumi_process.prepare_provider()
    pulumi_process.prepare_provider()  # as for a second class of providers

    def reported(error: Exception) -> str:
        try:
            raise error
        except Exception:
            return traceback.format_exc()

    assert reported(UserError("no port")) == "no port"
    assert "Traceback" in reported(ValueError("no port"))


def test_a_process_ends_without_a_search_for_garbage() -> None:
    program = (
        "import atexit, gc; from foundation import pulumi_process;"
        "atexit.register(lambda: print(gc.get_freeze_count() > 0));"  # the last to be called
        "pulumi_process.end_quickly()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True\n"


class Engine(pulumi.runtime.Mocks):
    """Takes a moment for each resource."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Return what was asked for."""
        time.sleep(0.001)
        return args.name, args.inputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], None]:
        """Answer nothing."""
        return {}, None


def test_the_sdk_waits_for_each_output_once(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[int] = []
    wait = asyncio.wait

    def counted(tasks: Iterable[asyncio.Task[Any]], **how: Any) -> Coroutine[Any, Any, Any]:
        all_of_them = list(tasks)
        handed.append(len(all_of_them))
        return wait(all_of_them, **how)

    def program() -> None:
        for number in range(100):
            pulumi.CustomResource("example:index:Thing", f"thing-{number}", {"size": 1})
        pulumi.run(pulumi_process.begin_to_register)

    async def main() -> None:
        pulumi.runtime.set_mocks(Engine())
        await stack.wait_for_rpcs()  # of the stack that mocks have
        set_root_resource(None)  # type: ignore[arg-type]
        monkeypatch.setattr(asyncio, "wait", counted)
        await pulumi.runtime.run_in_stack(program)

    with closed_at_the_end():
        asyncio.run(main())
    assert sum(handed) < 100
