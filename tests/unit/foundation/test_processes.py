"""Looks at processes, against processes that the test starts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from foundation import processes
from tests.support.waiting import eventually


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits for the end of its input."""
    wait = [sys.executable, "-c", "import sys; sys.stdin.read()", "a word"]
    env = os.environ | {"OF_THE_TEST": "yes"}
    with subprocess.Popen(wait, stdin=subprocess.PIPE, env=env) as started:
        yield started
        started.kill()


def test_a_process_is_known_by_its_command_line_and_variables(
    child: subprocess.Popen[bytes],
) -> None:
    eventually(lambda: dict(processes.command_lines()).get(child.pid, [""])[-1] == "a word", "it")
    assert processes.environment(child.pid)["OF_THE_TEST"] == "yes"


def test_a_process_began_before_now_and_an_ended_one_never(child: subprocess.Popen[bytes]) -> None:
    began = processes.started(child.pid)
    assert began is not None and time.time() - 3600 < began <= time.time() + 1
    child.kill()
    eventually(lambda: processes.started(child.pid) is None, "it has ended, if nobody reaped it")
    assert processes.is_over(processes.status(child.pid))
    child.wait()
    assert processes.started(child.pid) is None and processes.is_over(processes.status(child.pid))
    assert processes.environment(child.pid) == {} and processes.listening(child.pid) == set()


def test_a_stopped_process_is_stopped_until_it_goes_on(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGSTOP)
    eventually(lambda: processes.status(child.pid) == "stopped", "it has stopped")
    child.send_signal(signal.SIGCONT)
    eventually(lambda: processes.status(child.pid) != "stopped", "it goes on")


def test_ports_are_those_that_somebody_listens_at() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert port in processes.listening() and port in processes.listening(os.getpid())
        assert port not in processes.listening(os.getppid())
    assert port not in processes.listening()
