"""Talking to a running supervisord, by its XML-RPC interface.

Apart from `supervision` because this takes longer to import than all else that a node's first
process does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import Faults, SupervisorTransport, UnixStreamHTTPConnection

from foundation import processes
from localkube.supervisord_config import SOCKET, find
from toolchain import patience

SECONDS = 10
"""How long a supervisord may take for an answer: it does one thing after the other."""


class _Connection(UnixStreamHTTPConnection):  # type: ignore[misc]  # supervisor has no types
    """A connection that waits for an answer no longer than that."""

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(patience.scaled(SECONDS))


class _Transport(SupervisorTransport):  # type: ignore[misc]
    """Calls over such connections. One that has broken off is not used again."""

    def __init__(self, socket: str) -> None:
        super().__init__(None, None, f"unix://{socket}")
        self._get_connection = self._connect
        self.socket = socket

    def _connect(self) -> _Connection:
        connection = _Connection("localhost")
        connection.socketfile = self.socket
        return connection

    def request(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().request(*arguments, **options)
        except OSError:
            self.close()
            raise


class Supervisor:
    """A running supervisord, reached through the root folder of its first process."""

    def __init__(self, pid: int | None = None) -> None:
        """`pid`: the supervisord's process as the caller sees it; none means the caller's own."""
        self.pid = pid
        self.socket = SOCKET if pid is None else f"/proc/{pid}/root{SOCKET}"
        transport = _Transport(self.socket)
        self.rpc: Any = ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def is_up(self) -> bool:
        """Check whether it answers; one that is stopped (SIGSTOP) is not even asked."""
        if self.pid is not None and processes.is_stopped(self.pid):
            return False
        try:
            return bool(self.rpc.getState()["statename"] == "RUNNING")
        except (OSError, Fault):
            return False

    def states(self) -> dict[str, dict[str, Any]]:
        """State of each program by its name: `statename`, `pid`, `start` (epoch), and more."""
        return {info["name"]: info for info in self.rpc.getAllProcessInfo()}

    def start(self, name: str) -> None:
        """Start a program, or ``group:*``; one that runs already is left alone.

        Does not wait for it. One that is stopping is waited for first: supervisord says yes
        to its start, and does nothing.
        """
        every = name.endswith(":*")
        self._until_none(name, lambda info: info["statename"] == "STOPPING")
        call = self.rpc.startProcessGroup if every else self.rpc.startProcess
        ignoring(Faults.ALREADY_STARTED, call, name.removesuffix(":*"), False)

    def stop(self, name: str) -> None:
        """Stop a program, or ``group:*``, and wait for its end."""
        every = name.endswith(":*")
        call = self.rpc.stopProcessGroup if every else self.rpc.stopProcess
        ignoring(Faults.NOT_RUNNING, call, name.removesuffix(":*"), False)
        self._until_none(name, lambda info: bool(info["pid"]))

    def _until_none(self, name: str, holds: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until this holds for no program of that name, or ``group:*``.

        Asking is the quicker way to wait: supervisord itself looks once a second, but also
        whenever it is asked something.
        """
        group, _, program = name.partition(":")
        every = program == "*"
        while any(
            holds(info)
            for info in self.rpc.getAllProcessInfo()
            if info["group"] == group and (every or info["name"] == (program or group))
        ):
            time.sleep(0.02)

    def add(self, group: str) -> None:
        """Take up a group from the configuration files and start it."""
        self.rpc.reloadConfig()
        ignoring(Faults.ALREADY_ADDED, self.rpc.addProcessGroup, group)

    def remove(self, group: str) -> None:
        """Stop a group and forget it; one that is not there is not missed."""
        ignoring(Faults.BAD_NAME, self.stop, f"{group}:*")
        ignoring(Faults.BAD_NAME, self.rpc.removeProcessGroup, group)


def running(configuration: Path) -> Supervisor | None:
    """Return the supervisord that runs this configuration; None if there is none."""
    pid = find(configuration)
    return None if pid is None else Supervisor(pid)


def ignoring(code: int, call: Any, *arguments: Any) -> None:
    """Call, and take this one of supervisor's fault codes as success."""
    try:
        call(*arguments)
    except Fault as fault:
        if fault.faultCode != code:
            raise
