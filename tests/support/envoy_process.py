"""A real Envoy process, and plain requests to it."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path

HOST = "online-banking.dynabank.com"


def envoy_binary() -> Path:
    """Gives the Envoy of the environment that runs the tests."""
    beside = Path(sys.executable).parent / "envoy"
    found = str(beside) if beside.exists() else shutil.which("envoy")
    assert found, "no envoy; install requirements.txt"
    return Path(found)


@dataclass(frozen=True)
class Answer:
    """What came back from one request."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def cluster(self) -> str:
        return self.headers.get("x-served-by-cluster", "")

    @property
    def pod(self) -> str:
        return self.headers.get("x-served-by-pod", "")


def ask(
    address: str,
    port: int,
    path: str = "/web-portal",
    *,
    tls: ssl.SSLContext | None = None,
    sni: str | None = HOST,
    host: str = HOST,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Sends one request on a new connection; no retries. Raises OSError, HTTPException."""
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.create_connection((address, port), timeout=30))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            sock = stack.enter_context(tls.wrap_socket(sock, server_hostname=sni))
        connection = HTTPConnection(host)
        connection.sock = sock
        connection.request(method, path, headers={"Host": host, **(headers or {})})
        response: HTTPResponse = connection.getresponse()
        fields = {key.lower(): value for key, value in response.getheaders()}
        return Answer(response.status, fields, response.read().decode())


@dataclass
class Envoy:
    """A running Envoy."""

    name: str
    address: str
    folder: Path
    environment: dict[str, str]
    ready_port: int
    ready_path: str
    process: subprocess.Popen | None = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    envoy_binary(),
                    *("--config-path", self.folder / "config" / "envoy.yaml"),
                    *("--service-node", self.name, "--service-cluster", "test"),
                    *("--concurrency", "1", "--log-level", "warning", "--disable-hot-restart"),
                    *("--reject-unknown-dynamic-fields", "--file-flush-interval-msec", "100"),
                ],
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            return ask(self.address, self.ready_port, self.ready_path).status == 200
        except (OSError, HTTPException):
            return False

    def kill(self) -> None:
        """Ends the process as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def terminate(self) -> None:
        """Ends the process as the kubelet does after the preStop hook."""
        self.signal(signal.SIGTERM)
        assert self.process is not None
        assert self.process.wait(30) == 0
        self.process = None

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def log(self) -> list[dict]:
        """Gives the access log."""
        lines = (self.folder / "log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]
