"""Check what is typed after `./demo task`, and which signals reach the task."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from foundation import processes, project, run
from launcher import tasks

KNOWN = ("default", "drill", "drill:list", "status")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "drill -- gateway-gone",
        "drill:list",
        "status -- --stack east",
        "--list --sort none",
        "drill NAME=value -- x",
        "--output group status",
    ],
)
def test_what_names_tasks_is_run(text: str) -> None:
    assert tasks.refusal(text.split(), KNOWN) == ""


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("drill gateway-gone", "drill -- gateway-gone"),
        ("drill gateway-gone -- --mode standby", "drill -- gateway-gone --mode standby"),
        ("dril -- x", "drill -- x"),
        ("drill:lst", "drill:list"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(text: str, meant: str) -> None:
    said = tasks.refusal(text.split(), KNOWN)
    assert said.endswith(f"Did you mean: ./demo task {meant}")


def test_a_word_that_is_near_to_no_task_leads_to_the_list() -> None:
    assert tasks.refusal(["xyz"], KNOWN) == "There is no task 'xyz'. All tasks: ./demo task"


def test_the_tasks_of_the_file_are_known() -> None:
    known = tasks.names((project.ROOT / "Taskfile.yml").read_text())
    assert {"default", "drill", "generate-traffic", "status"} <= set(known)


def test_the_list_of_tasks_fits_80_columns() -> None:
    every = yaml.safe_load((project.ROOT / "Taskfile.yml").read_text())["tasks"]
    descriptions = [task["desc"] for name, task in every.items() if name != "default"]
    assert [text for text in descriptions if len(text) > 54] == []


def test_a_signal_reaches_the_children_of_a_process_that_passes_none_on(tmp_path: Path) -> None:
    made = tmp_path / "pid"
    script = (  # a child of a shell that ignores a signal would ignore it too
        f"trap 'echo passed on to nobody' TERM; sleep 60 & child=$!; echo $child > {made};"
        " while kill -0 $child 2>/dev/null; do wait $child; done; exit 7"
    )
    with subprocess.Popen(["sh", "-c", script]) as shell:
        until = time.monotonic() + 10
        while not made.exists() or not made.read_text().strip():
            assert time.monotonic() < until
            time.sleep(0.01)
        child = int(made.read_text())
        # until then it is the shell, which passes the signal by
        while Path(f"/proc/{child}/comm").read_text() != "sleep\n":
            assert time.monotonic() < until
            time.sleep(0.01)
        shell.send_signal(signal.SIGTERM)
        os.kill(child, 0)  # still there
        processes.signal_children(shell.pid, signal.SIGTERM)
        assert shell.wait(10) == 7


def test_a_process_that_has_ended_has_no_children() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as ended:
        ended.wait()
    processes.signal_children(ended.pid, signal.SIGTERM)


@pytest.mark.parametrize("number", run.ENDING)
def test_go_task_and_its_command_get_every_signal(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, int, int]] = []
    passed_on: dict[str, Any] = {}
    monkeypatch.setattr("os.kill", lambda *what: sent.append(("go-task", *what)))
    monkeypatch.setattr(processes, "signal_children", lambda *what: sent.append(("its", *what)))
    monkeypatch.setattr("foundation.run.foreground", lambda *_, **more: passed_on.update(more) or 0)
    assert tasks.run({}, ["status"]) == 0
    passed_on["pass_on"](7, number)
    assert sent == [("its", 7, number), ("go-task", 7, number)]
