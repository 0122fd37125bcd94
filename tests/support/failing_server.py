"""A server on loopback that does to each request what a plan says, and remembers what it did.

It speaks HTTP/1.1 and HTTP/2 over TLS. The plan is a function of the request's number, so the
client's ledger can be compared with what was really done, request by request.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamEnded
from h2.exceptions import ProtocolError

from drills.traffic import Sample
from foundation.certificates import authority, leaf

BODY = b"x" * 2000


@dataclass(frozen=True)
class Deed:
    """What is done to a request: an answer, or none."""

    status: int = 200
    cluster: str = "east-cluster"
    after: float = 0.0
    """Seconds until it is done."""
    reset: bool = False
    hang: bool = False
    close: bool = False
    """HTTP/1.1: the connection is closed after half of the answer."""
    last: bool = False
    """The answer says that the connection takes no more requests."""


@dataclass
class Server:
    """What the server did, by the request's number, and where it listens."""

    plan: Callable[[int], Deed]
    port: int = 0
    deeds: dict[int, list[Deed]] = field(default_factory=dict)
    protocols: dict[int, str] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)
    bodies: dict[int, int] = field(default_factory=dict)
    connections: int = 0
    open: set[asyncio.BaseTransport] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/web-portal"

    def decide(self, headers: dict[str, str], protocol: str) -> Deed:
        number = int(headers["x-demo-request"].rsplit("-", 1)[1])
        deed = self.plan(number)
        self.deeds.setdefault(number, []).append(deed)
        self.protocols[number] = protocol
        if key := headers.get("idempotency-key"):
            self.keys[number] = key
        return deed


class _Connection(asyncio.Protocol):
    def __init__(self, server: Server) -> None:
        self.server = server
        self.received = b""
        self.h2: H2Connection | None = None
        self.streams: dict[int, dict[str, str]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.server.connections += 1
        self.server.open.add(transport)
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() == "h2":
            self.h2 = H2Connection(H2Configuration(client_side=False))
            self.h2.initiate_connection()
            self.transport.write(self.h2.data_to_send())

    def connection_lost(self, _: Exception | None) -> None:
        self.server.open.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        if self.h2:
            self._frames(data)
            return
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.decode().split("\r\n")[1:]
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
        if len(body) < int(headers.get("content-length", 0)):
            return
        self.received = b""
        deed = self.server.decide(headers, "h1")
        self._later(deed, lambda: self._answer_h1(deed))

    def _later(self, deed: Deed, act: Callable[[], None]) -> None:
        if not deed.hang:
            asyncio.get_running_loop().call_later(deed.after, act)

    def _answer_h1(self, deed: Deed) -> None:
        if self.transport.is_closing():
            return
        if deed.reset:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
            return
        head = (
            f"HTTP/1.1 {deed.status} x\r\nx-served-by-cluster: {deed.cluster}\r\n"
            f"x-served-by-pod: pod-1\r\nx-request-id: edge-1\r\nx-envoy-attempt-count: 2\r\n"
            f"content-length: {len(BODY)}\r\n{'connection: close' if deed.last else 'x: y'}\r\n\r\n"
        )
        self.transport.write(head.encode() + BODY[: len(BODY) // 2 if deed.close else None])
        if deed.close or deed.last:
            self.transport.close()

    def _frames(self, data: bytes) -> None:
        assert self.h2
        try:
            for event in self.h2.receive_data(data):
                if isinstance(event, RequestReceived):
                    self.streams[event.stream_id] = dict(event.headers)
                elif isinstance(event, StreamEnded):
                    headers = self.streams.pop(event.stream_id)
                    plain = {k.decode(): v.decode() for k, v in headers.items()}
                    deed = self.server.decide(plain, "h2")
                    number = event.stream_id
                    self._later(deed, lambda d=deed, n=number: self._answer_h2(d, n))
        except ProtocolError:
            self.transport.close()
        self.transport.write(self.h2.data_to_send())

    def _answer_h2(self, deed: Deed, stream: int) -> None:
        assert self.h2
        with contextlib.suppress(ProtocolError):  # the client has given the stream up meanwhile
            if deed.reset:
                self.h2.reset_stream(stream, error_code=2)
            else:
                answer = {
                    ":status": str(deed.status),
                    "x-served-by-cluster": deed.cluster,
                    "x-served-by-pod": "pod-1",
                    "x-request-id": "edge-1",
                    "x-envoy-attempt-count": "2",
                }
                self.h2.send_headers(stream, list(answer.items()))
                self.h2.send_data(stream, BODY, end_stream=True)
        if not self.transport.is_closing():
            self.transport.write(self.h2.data_to_send())


@contextlib.contextmanager
def serving(folder: Path, plan: Callable[[int], Deed]) -> Iterator[Server]:
    """Runs a server until the end of the with-statement; `folder/ca.pem` is who to trust."""
    issuer = authority("test")
    pair = leaf(issuer, "localhost", ["127.0.0.1", "localhost"])
    (folder / "ca.pem").write_text(issuer.certificate)
    (folder / "server.pem").write_text(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.set_alpn_protocols(["h2", "http/1.1"])
    server = Server(plan)
    loop = asyncio.new_event_loop()
    listener = loop.run_until_complete(
        loop.create_server(lambda: _Connection(server), "127.0.0.1", 0, ssl=context, backlog=512)
    )
    server.port = listener.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(_end(server, listener), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: Server, listener: asyncio.Server) -> None:
    """Close all connections, and return when they and all tasks are gone."""
    listener.close()
    while server.open or asyncio.all_tasks() - {asyncio.current_task()}:
        for transport in tuple(server.open):
            transport.abort()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.02)


GOOD = Deed()


def number(sample: Sample) -> int:
    return int(sample.id.rsplit("-", 1)[1])


def done_to(server: Server, fits: Callable[[Deed], bool]) -> set[int]:
    return {n for n, deeds in server.deeds.items() if any(fits(deed) for deed in deeds)}
