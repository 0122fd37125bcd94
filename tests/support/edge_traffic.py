"""Requests to an edge of the lab on loopback: one, or one after another until it is enough."""

from __future__ import annotations

import threading
import time
from http.client import HTTPException

from tests.support.envoy_lab import Lab
from tests.support.envoy_process import Answer, ask


def get(world: Lab, edge: str, path: str = "/web-portal", **more: object) -> Answer:
    tls = world.client_context()
    return ask(world.envoys[edge].address, 8443, path, tls=tls, **more)


class Traffic(threading.Thread):
    """Asks without pause, each time on a new connection, and keeps what came back."""

    def __init__(self, world: Lab, edge: str) -> None:
        super().__init__(daemon=True)
        self.world, self.edge = world, edge
        self.answers: list[Answer] = []
        self.seconds: list[float] = []
        self.failures: list[str] = []
        self.enough = threading.Event()

    def run(self) -> None:
        while not self.enough.is_set():
            begin = time.monotonic()
            try:
                answer = get(self.world, self.edge)
            except (OSError, HTTPException) as problem:
                self.failures.append(repr(problem))
                continue
            self.seconds.append(time.monotonic() - begin)
            self.answers.append(answer)
            if answer.status != 200:
                self.failures.append(f"{answer.status} after {time.monotonic() - begin:.3f} s")

    def __enter__(self) -> Traffic:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.enough.set()
        self.join(10)
