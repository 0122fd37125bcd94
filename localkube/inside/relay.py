"""Carries TCP connections from 127.0.0.1 ports of the host into the lab.

A listening socket keeps the network namespace in which it was opened. So this process opens its
ports in the host's namespace, then moves into the bridge's, where all it connects to is the lab.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import sys
from pathlib import Path

from localkube import cgroups
from localkube.namespaces import BRIDGE, enter
from localkube.spec import API_PORT, ClusterSpec, relay_cgroup

CONNECT_SECONDS = 5
"""A node that does not answer for so long counts as unreachable; the client's connection closes."""

SILENT_SECONDS = 1
"""The same of an API server that was unreachable when it was last asked."""

INTERNAL_ERROR = bytes.fromhex("15 03 03 00 02 02 50")
"""A fatal alert of TLS (RFC 5246, section 7.2): what whoever asks an API server is told while its
node is unreachable. A connection that is accepted and reset is a passing fault to kubectl and to
Pulumi's provider: they try again for half a minute, at each request (client-go's
`IsConnectionReset`). An alert they report at once."""

KEEP_ALIVE = {"TCP_KEEPIDLE": 2, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 3}
"""Seconds and times after which a connection to an API server ends whose node is gone; who follows
a log would learn of it no earlier than from its own ping."""

TRIES, PAUSE = 10, 0.005
"""A refused connection is tried again, with so many seconds between: kube-proxy then leads to
another pod. Load balancers do the same (HAProxy's `redispatch`): nothing has been sent yet."""

BACKLOG = 1024
"""So many new connections wait in line; what comes then is dropped, and the client tries again a
second later."""

WINDOW = 1 << 18
"""Bytes on their way in one direction of a connection before the sender has to wait."""


class Pipe(asyncio.Protocol):
    """One side of a relayed connection; what it receives goes to its twin."""

    def __init__(self, twin: Pipe | None = None) -> None:
        self.twin = twin
        self.transport: asyncio.Transport | None = None
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take up the connection; back-pressure starts at `WINDOW` bytes."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=WINDOW)

    def data_received(self, data: bytes) -> None:
        """Hand the bytes on."""
        if self.twin and self.twin.transport:
            self.twin.transport.write(data)

    def eof_received(self) -> bool:
        """Hand the half-close on; the other direction stays open until it ends as well."""
        self.ended = True
        if not self.twin:
            return False
        assert self.twin.transport and self.transport
        if self.twin.ended:
            self.twin.transport.close()
            self.transport.close()
        else:
            self.twin.transport.write_eof()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """End the twin as this side ended: by reset or in order."""
        if self.twin and self.twin.transport:
            if error:
                self.twin.transport.abort()
            else:
                self.twin.transport.close()

    def pause_writing(self) -> None:
        """Keep the twin from reading: this side is slow."""
        if self.twin and self.twin.transport:
            self.twin.transport.pause_reading()

    def resume_writing(self) -> None:
        """Let the twin read again: this side has caught up."""
        if self.twin and self.twin.transport:
            self.twin.transport.resume_reading()


class Entry(Pipe):
    """The client's side: reads nothing before the connection into the lab stands."""

    def __init__(self, target: tuple[str, int], silent: set[tuple[str, int]]) -> None:
        """`silent` are the targets that were unreachable when they were last asked."""
        super().__init__()
        self.target = target
        self.silent = silent
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept a client."""
        super().connection_made(transport)
        assert self.transport
        loop = asyncio.get_running_loop()
        # Not here and now: asyncio in Python 3.11.2 (Debian 12) begins to read after this call in
        # any case. What is called soon comes after that, and before anything is read.
        loop.call_soon(self.transport.pause_reading)
        self.task = loop.create_task(self.connect())

    async def connect(self) -> None:
        """Open the way into the lab, or end the client's connection."""
        assert self.transport
        is_api = self.target[1] == API_PORT
        try:
            known = is_api and self.target in self.silent
            async with asyncio.timeout(SILENT_SECONDS if known else CONNECT_SECONDS):
                self.twin = await self.reach()
        except ConnectionRefusedError:  # it starts
            self.transport.abort()
        except OSError:
            self.silent.add(self.target)
            if is_api:
                self.tell()
            else:
                self.transport.abort()
        else:
            self.silent.discard(self.target)
            if is_api:
                keep_alive(self.twin)
            if self.transport.is_closing():  # the client has gone meanwhile
                assert self.twin.transport
                self.twin.transport.abort()
            else:
                self.transport.resume_reading()

    def tell(self) -> None:
        """Say INTERNAL_ERROR and close, when the client has or in a second.

        What it says meanwhile is read: closing would reset the connection for what is not.
        """
        assert self.transport
        self.transport.resume_reading()
        self.transport.write(INTERNAL_ERROR)
        self.transport.write_eof()
        asyncio.get_running_loop().call_later(1, self.transport.close)

    async def reach(self) -> Pipe:
        """Return the other side of a connection to the target. Raises OSError."""
        loop = asyncio.get_running_loop()
        for _ in range(TRIES - 1):
            with contextlib.suppress(ConnectionRefusedError):
                return (await loop.create_connection(lambda: Pipe(self), *self.target))[1]
            await asyncio.sleep(PAUSE)
        return (await loop.create_connection(lambda: Pipe(self), *self.target))[1]


def keep_alive(pipe: Pipe) -> None:
    """Have a connection end within seconds whose other side is gone."""
    assert pipe.transport
    inner = pipe.transport.get_extra_info("socket")
    inner.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        inner.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def listen(port: int, address: str = "127.0.0.1") -> socket.socket:
    """Return a listening socket, in the calling thread's network namespace."""
    # By its protocol asyncio knows a TCP socket, and sends on it at once. Otherwise what a server
    # says in two pieces, as each new TLS connection, waits for the client's delayed acknowledgement
    # (40 ms) in between: Nagle's algorithm.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(BACKLOG)
    return listener


async def serve(listeners: dict[socket.socket, tuple[str, int]]) -> None:
    """Relay what the listeners accept, for ever."""
    loop = asyncio.get_running_loop()
    silent: set[tuple[str, int]] = set()
    async with contextlib.AsyncExitStack() as servers:
        for listener, target in listeners.items():
            entry = functools.partial(Entry, target, silent)
            # it listens anew, by its own default to a line of 100
            server = await loop.create_server(entry, sock=listener, backlog=BACKLOG)
            await servers.enter_async_context(server)
        await asyncio.Event().wait()


def main(folder: Path) -> None:
    """Open the cluster's ports, enter the lab and relay."""
    spec = ClusterSpec.load(folder)
    cgroups.join(relay_cgroup(Path(spec.lab)))
    listeners = {listen(port): target for port, target in spec.relayed.items()}
    enter(BRIDGE)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(listeners))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
