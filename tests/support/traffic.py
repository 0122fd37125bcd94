"""Requests to the edge, one by one or at a constant rate, each one accounted for. No retries."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

REQUEST_SECONDS = 15.0
"""A request without an answer for so long is lost; the edge's own limit is shorter."""

CLIENTS = 10
"""Clients that share a rate; half of them keep their connection, half open one a request."""


@dataclass(frozen=True)
class Answer:
    """What came of one request."""

    sent: float
    """When, by the clock `time.monotonic`."""
    seconds: float
    status: int
    """0 when there was no answer."""
    cluster: str = ""
    pod: str = ""
    problem: str = ""
    """Why there was no answer, or what is wrong with it."""

    @property
    def lost(self) -> bool:
        """Whether the client got something else than what it asked for."""
        return self.status != 200 or bool(self.problem)


class Client:
    """One client of the portal, that checks the edge's certificate against the host's name."""

    def __init__(self, outputs: dict[str, Any], keep: bool) -> None:
        """`outputs` are the stack's; `keep` says whether the connection is used again."""
        url = urlsplit(outputs["url"])
        self.address = (url.hostname or "", url.port or 443)
        self.path, self.host, self.keep = url.path, outputs["host"], keep
        self.context = ssl.create_default_context(cadata=outputs["caCertificate"])
        self.connection: http.client.HTTPConnection | None = None
        self.connections = 0
        """How many it has opened."""

    def ask(self) -> Answer:
        """Sends one request and waits for its answer; never raises."""
        sent = time.monotonic()
        try:
            with self.open() as response:
                body = response.read()
                cluster = response.headers.get("x-served-by-cluster", "")
                pod = response.headers.get("x-served-by-pod", "")
            problem = "" if pod.encode() in body else f"not the page of {pod}: {body[:200]!r}"
            return Answer(sent, time.monotonic() - sent, response.status, cluster, pod, problem)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Answer(sent, time.monotonic() - sent, 0, problem=repr(error))
        finally:
            if not self.keep:
                self.close()

    def open(self) -> http.client.HTTPResponse:
        """Sends the request and returns the response, its body still unread."""
        if self.connection is None:
            self.connections += 1
            plain = socket.create_connection(self.address, timeout=REQUEST_SECONDS)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connection = http.client.HTTPConnection(self.host)
            self.connection.sock = self.context.wrap_socket(plain, server_hostname=self.host)
        headers = {"Host": self.host, "Connection": "keep-alive" if self.keep else "close"}
        self.connection.request("GET", self.path, headers=headers)
        response = self.connection.getresponse()
        if response.will_close:  # said by the edge: no request of ours may follow on it
            self.connection = None
        return response

    def close(self) -> None:
        """Ends the connection, if there is one."""
        if self.connection:
            self.connection.close()
        self.connection = None


class Traffic:
    """Requests at a constant rate from the begin to the end of a `with` block."""

    def __init__(self, outputs: dict[str, Any], rate: float = 50) -> None:
        """`rate`: requests a second, all clients together."""
        self.pause = CLIENTS / rate
        self.enough = threading.Event()
        self.answers: list[Answer] = []
        self.clients = [Client(outputs, keep=number % 2 == 0) for number in range(CLIENTS)]
        self.threads = [
            threading.Thread(target=self.send, args=(client, number / rate), daemon=True)
            for number, client in enumerate(self.clients)
        ]

    def send(self, client: Client, offset: float) -> None:
        """One client's requests, each at its time; one that is late is sent at once."""
        due = time.monotonic() + offset
        while not self.enough.wait(max(0.0, due - time.monotonic())):
            self.answers.append(client.ask())
            due = max(due + self.pause, time.monotonic() - self.pause)
        client.close()

    def __enter__(self) -> Traffic:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.enough.set()
        for thread in self.threads:
            thread.join(REQUEST_SECONDS)

    def since(self, moment: float) -> list[Answer]:
        """Answers to the requests that were sent after a moment (`time.monotonic`)."""
        return [answer for answer in list(self.answers) if answer.sent > moment]

    @property
    def lost(self) -> list[Answer]:
        """Requests that were not answered by a page."""
        return [answer for answer in list(self.answers) if answer.lost]

    @property
    def reopened(self) -> int:
        """How often a client had to open a connection again that it would have kept."""
        return sum(client.connections - 1 for client in self.clients if client.keep)

    def summary(self) -> str:
        """What happened, for people."""
        answers = list(self.answers)
        worst = max((answer.seconds for answer in answers), default=0)
        text = f"{len(answers)} requests, {len(self.lost)} lost, slowest {worst:.2f} s, by "
        return text + ", ".join(f"{name or 'nobody'} {n}" for name, n in served(answers).items())


def served(answers: Iterable[Answer]) -> Counter[str]:
    """How many answers each cluster gave."""
    return Counter(answer.cluster for answer in answers)


def ask(outputs: dict[str, Any], requests: int = 1) -> list[Answer]:
    """So many requests one after the other, each on a new connection."""
    client = Client(outputs, keep=False)
    return [client.ask() for _ in range(requests)]


def answers_from(outputs: dict[str, Any]) -> str:
    """The cluster that answers now; empty if none does."""
    (answer,) = ask(outputs)
    return "" if answer.lost else answer.cluster


def reachable(port: int) -> bool:
    """Whether somebody accepts connections on a port of 127.0.0.1."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
        return True
    return False
