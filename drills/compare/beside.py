"""Balancers beside the edge of a running stack, for as long as a comparison or a drill lasts."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from drills.alone import alone
from drills.compare import processes, programs, stack_access, way_in
from drills.compare.balancers import DIRECT, Balancer
from drills.compare.configuration import Gateway, Settings
from drills.say import Say
from drills.stack import Stack
from drills.traffic import LanePlan
from drills.waiting import until
from foundation import files, scratch
from foundation.errors import UserError

_FIRST_PORT = 21080
"""Where balancers listen, one after the other, in the network of the edge's node."""

_READY_SECONDS = 15.0
LOOPBACK = "127.0.0.1"


@dataclass
class Beside:
    """What runs beside our edge."""

    running: dict[str, processes.Running]
    skipped: dict[str, str]
    path: str
    """Path of the application's page."""
    ports: Mapping[str, int]
    """Lane -> port on 127.0.0.1."""
    direct: Gateway
    """The gateway of the lane without a balancer."""
    client: Path
    """PEM of the edge's certificate for it."""
    ca: Path
    """PEM of all authorities that clients of any lane trust."""

    @property
    def versions(self) -> dict[str, str]:
        """Return program, version and origin of each balancer."""
        return {
            name: f"{r.balancer.kind.program} {r.program.version} ({r.program.origin})"
            for name, r in self.running.items()
        }

    @property
    def lanes(self) -> list[LanePlan]:
        """Return a lane to each balancer, on kept connections, which is not counted."""
        return [LanePlan(name, self.url(name), True, counted=False) for name in self.running]

    def url(self, lane: str) -> str:
        """Return the address at which a lane begins on the host."""
        return f"https://{LOOPBACK}:{self.ports[lane]}{self.path}"


@contextlib.contextmanager
def beside(stack: Stack, balancers: Sequence[Balancer], say: Say) -> Iterator[Beside]:
    """Run balancers beside the edge while the block lasts; leave out what cannot be had."""
    found = stack_access.gateways(stack)
    taken = (  # its ports and cgroups
        f"Balancers stand beside the edge of stack {stack.name} already, in another terminal."
        " Wait until that command has ended, or end it"
    )
    with (
        alone(stack, "compare.lock", taken),
        scratch.folder(stack.folder / "compare") as folder,
        contextlib.ExitStack() as ends,
    ):
        certificate, client, ca = stack_access.certificates(stack, folder)
        running: dict[str, processes.Running] = {}
        skipped: dict[str, str] = {}
        for number, balancer in enumerate(balancers):
            settings = Settings(
                address=LOOPBACK,
                port=_FIRST_PORT + number,
                host=stack.application.host,
                path=stack.application.path,
                certificate=certificate,
                client=client,
                ca=ca,
                folder=folder / balancer.name,
                gateways=found,
            )
            try:
                program = programs.find(balancer.kind)
                started = processes.start(
                    balancer, program, settings, stack_access.inside(stack, balancer.name)
                )
            except UserError as error:
                skipped[balancer.name] = str(error)
                continue
            ends.callback(started.stop)
            running[balancer.name] = started
        names = [b.name for b in balancers]
        targets = {n: (LOOPBACK, _FIRST_PORT + names.index(n)) for n in running}
        direct = found[-1]
        targets[DIRECT] = (direct.address, direct.port)
        there = replace(stack_access.inside(stack, DIRECT), cgroup=stack_access.relay(stack))
        ports = ends.enter_context(way_in.ports(there, targets, folder / "way-in.log"))
        roots = folder / "roots.pem"
        own = stack.ca_file.read_text() if stack.ca_file else ""
        files.replace(roots, own + "\n" + ca.read_text())
        path = urllib.parse.urlsplit(stack.url).path
        made = Beside(running, skipped, path, ports, direct, client, roots)
        _leave_out_silent(stack, made)
        for name, why in skipped.items():
            say(f"{name} is left out: {why}")
        yield made


def _leave_out_silent(stack: Stack, made: Beside) -> None:
    """Wait until each balancer answers, and leave out those that do not."""
    for name, started in list(made.running.items()):

        def ready(name: str = name, started: processes.Running = started) -> bool:
            if started.problem:
                return True
            return _answers(made.ports[name], stack, made.ca)

        try:
            until(ready, f"{name} answers", _READY_SECONDS)
            problem = started.problem
        except UserError as error:
            problem = str(error)
        if problem:
            made.skipped[name] = problem
            del made.running[name]


def _answers(port: int, stack: Stack, ca: Path) -> bool:
    """Return whether a balancer serves the application's page by now."""
    context = ssl.create_default_context(cafile=str(ca))
    host = stack.application.host
    try:
        with (
            socket.create_connection((LOOPBACK, port), timeout=2) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            connection = http.client.HTTPConnection(host)
            connection.sock = secure
            connection.request("GET", stack.application.path, headers={"Host": host})
            return connection.getresponse().status < http.HTTPStatus.BAD_REQUEST
    except (OSError, http.client.HTTPException):
        return False
