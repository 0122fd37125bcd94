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
from localkube.spec import ClusterSpec, relay_cgroup

CONNECT_SECONDS = 5
"""A node that does not answer for so long counts as unreachable; the client's connection closes."""

LOOK_SECONDS, LOOK_PAUSE = 0.3, 0.2
"""An unreachable node is looked for with so many seconds for an answer, and between two looks."""

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
        assert self.twin and self.twin.transport and self.transport
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

    def __init__(self, target: tuple[str, int], unreachable: asyncio.Event) -> None:
        """`unreachable` is set when the target is."""
        super().__init__()
        self.target = target
        self.unreachable = unreachable
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
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                self.twin = await self.reach()
        except OSError as error:
            if not isinstance(error, ConnectionRefusedError):
                self.unreachable.set()
            self.transport.abort()
        else:
            if self.transport.is_closing():  # the client has gone meanwhile
                assert self.twin.transport
                self.twin.transport.abort()
            else:
                self.transport.resume_reading()

    async def reach(self) -> Pipe:
        """Return the other side of a connection to the target. Raises OSError."""
        loop = asyncio.get_running_loop()
        for _ in range(TRIES - 1):
            with contextlib.suppress(ConnectionRefusedError):
                return (await loop.create_connection(lambda: Pipe(self), *self.target))[1]
            await asyncio.sleep(PAUSE)
        return (await loop.create_connection(lambda: Pipe(self), *self.target))[1]


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
    async with asyncio.TaskGroup() as group:
        for listener, target in listeners.items():
            group.create_task(relay(listener, target))


async def relay(listener: socket.socket, target: tuple[str, int]) -> None:
    """Relay what one listener accepts, and refuse connections while the target is unreachable.

    A connection that is accepted and then reset is what kubectl and Pulumi's provider take for a
    passing fault: they try again for half a minute, at each of many requests (client-go's
    `IsConnectionReset`). A refused one they report at once.
    """
    loop, unreachable = asyncio.get_running_loop(), asyncio.Event()
    entry = functools.partial(Entry, target, unreachable)
    with listener:
        while True:
            # it listens anew, by its own default to a line of 100, and closes what it was given
            server = await loop.create_server(entry, sock=listener.dup(), backlog=BACKLOG)
            try:
                await unreachable.wait()
            finally:
                server.close()
            # on Linux it listens no more then, and keeps the port that it was bound to by number
            listener.shutdown(socket.SHUT_RD)
            while not await is_reachable(target):
                await asyncio.sleep(LOOK_PAUSE)
            unreachable.clear()


async def is_reachable(target: tuple[str, int]) -> bool:
    """Check whether a node answers, if only by refusing."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            _, writer = await asyncio.open_connection(*target)
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    writer.close()
    return True


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
