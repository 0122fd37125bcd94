"""A supervisord that is silent is not waited for without end; what has failed is retried."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from xmlrpc.client import ServerProxy

import pytest

from foundation import processes
from localkube import cluster, supervisord_client
from localkube.supervisord_client import Supervisor
from tests.support.waiting import eventually


@pytest.fixture
def silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The socket of a supervisord that takes connections and says nothing."""
    path = tmp_path / "supervisor.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        monkeypatch.setattr(supervisord_client, "SOCKET", str(path))
        yield path


def test_a_silent_supervisord_is_not_up(silent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisord_client, "SECONDS", 0.1)
    supervisor = Supervisor()
    assert not supervisor.is_up()
    assert not supervisor.is_up(), "the connection that broke off is not used again"
    with pytest.raises(TimeoutError):
        supervisor.states()


def test_a_stopped_supervisord_is_not_even_asked(
    silent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: processes.is_stopped(process.pid), "it is stopped")
        supervisor = Supervisor(process.pid)

        def asked(*_: Any) -> None:
            raise http.client.HTTPException("it was asked")

        supervisor.rpc = type("Rpc", (), {"getState": asked})()
        assert not supervisor.is_up()
        process.kill()


DEAF_TO_SIGTERM = """\
[unix_http_server]
file={0}/supervisor.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisord]
nodaemon=true
logfile={0}/supervisord.log
pidfile={0}/supervisord.pid
[program:deaf]
command=bash -c 'trap "" TERM; touch {0}/ready; exec sleep 60'
stopwaitsecs=1
"""


def test_a_program_that_is_stopping_is_started_once_it_has_ended(tmp_path: Path) -> None:
    configuration = tmp_path / "supervisord.conf"
    configuration.write_text(DEAF_TO_SIGTERM.format(tmp_path))
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)]
    transport = supervisord_client._Transport(str(tmp_path / "supervisor.sock"))
    supervisor = Supervisor()
    supervisor.rpc = ServerProxy("http://127.0.0.1", transport=transport).supervisor
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            eventually((tmp_path / "ready").exists, "it runs")
            before = supervisor.states()["deaf"]["pid"]
            supervisor.rpc.stopProcess("deaf", False)
            assert supervisor.states()["deaf"]["statename"] == "STOPPING"
            supervisor.start("deaf")
            state = supervisor.states()["deaf"]
            assert state["statename"] in {"STARTING", "RUNNING"}
            assert state["pid"] not in {0, before}
        finally:
            transport.close()
            process.terminate()


class Known:
    """A supervisord whose programs are in these states; it keeps what it is told."""

    def __init__(self, **states: str) -> None:
        self.known = {name.replace("_", "-"): state for name, state in states.items()}
        self.told: list[str] = []

    def states(self) -> dict[str, dict[str, str]]:
        return {name: {"statename": state} for name, state in self.known.items()}

    def stop(self, name: str) -> None:
        self.told.append(f"stop {name}")

    def start(self, name: str) -> None:
        self.told.append(f"start {name}")


def test_what_waits_for_its_next_try_is_tried_at_once() -> None:
    known = Known(etcd="BACKOFF", kubelet="FATAL", bringup="RUNNING", scheduler="STOPPED")
    cluster.retry(cast(Supervisor, known))
    assert known.told == ["stop etcd", "start etcd", "stop kubelet", "start kubelet"]


def test_stopped_programs_have_their_time_to_come_until_the_node_is_brought_up() -> None:
    known = Known(etcd="RUNNING", bringup="EXITED", scheduler="STOPPED")
    cluster.retry(cast(Supervisor, known))
    assert known.told == ["stop scheduler", "start scheduler"]
