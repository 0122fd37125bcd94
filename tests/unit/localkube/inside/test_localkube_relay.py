"""The relay into the lab."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable

import pytest

from localkube.inside.relay import (
    CONNECT_SECONDS,
    INTERNAL_ERROR,
    SILENT_SECONDS,
    Entry,
    Pipe,
    listen,
    serve,
)

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def relayed(handler: Handler, client: Callable[[int], Awaitable[None]]) -> None:
    """Runs a server on loopback, a relay before it and a client that gets the relay's port."""

    async def run() -> None:
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        target = server.sockets[0].getsockname()
        entry = listen(0)
        relay = asyncio.create_task(serve({entry: target}))
        try:
            async with asyncio.timeout(10):
                await client(entry.getsockname()[1])
        finally:
            await end(relay)
            server.close()
            await server.wait_closed()

    asyncio.run(run())


def answered(handler: Handler, sent: bytes) -> bytes:
    """All that the server says to a client who says `sent` and no more."""
    received = b""

    async def client(port: int) -> None:
        nonlocal received
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        writer.write_eof()
        received = await reader.read(-1)
        writer.close()

    relayed(handler, client)
    return received


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def test_bytes_arrive_whole_and_in_order_in_both_directions() -> None:
    sent = bytes(range(256)) * 8192
    assert answered(echo, sent) == sent


def test_both_sides_send_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    delays: list[int] = []
    made = Pipe.connection_made

    def note(self: Pipe, transport: asyncio.BaseTransport) -> None:
        sock = transport.get_extra_info("socket")
        delays.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        made(self, transport)

    monkeypatch.setattr(Pipe, "connection_made", note)

    assert answered(echo, b"hello") == b"hello"
    assert len(delays) == 2 and all(delays)


def test_nothing_is_lost_of_what_comes_before_the_way_into_the_lab_is_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reach = Entry.reach

    async def reach_late(self: Entry) -> Pipe:
        await asyncio.sleep(0.1)
        return await reach(self)

    monkeypatch.setattr(Entry, "reach", reach_late)

    assert answered(echo, b"hello") == b"hello"


def test_a_half_closed_connection_still_answers() -> None:
    async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = await reader.read(-1)
        writer.write(b"received " + received)
        writer.close()

    assert answered(answer_at_the_end, b"all") == b"received all"


def test_a_server_that_hangs_up_ends_the_clients_connection() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def client(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read(-1) == b""
        writer.close()

    relayed(hang_up, client)


def test_nobody_behind_the_relay_ends_the_clients_connection() -> None:
    async def run() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))  # bound, not listening: refuses
            entry = listen(0)
            relay = asyncio.create_task(serve({entry: unused.getsockname()}))
            reader, writer = await asyncio.open_connection(*entry.getsockname())
            assert await asyncio.wait_for(reader.read(-1), 5) == b""
            writer.close()
            await end(relay)

    asyncio.run(run())


def test_a_refused_connection_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localkube.inside.relay.PAUSE", 0.05)

    async def run() -> None:
        with socket.socket() as late:
            late.bind(("127.0.0.1", 0))  # bound, not listening yet: refuses
            entry = listen(0)
            relay = asyncio.create_task(serve({entry: late.getsockname()}))
            reader, writer = await asyncio.open_connection(*entry.getsockname())
            await asyncio.sleep(0.1)  # refused by now, once at least
            server = await asyncio.start_server(echo, sock=late)
            writer.write(b"hello")
            writer.write_eof()
            assert await asyncio.wait_for(reader.read(-1), 5) == b"hello"
            writer.close()
            await end(relay)
            server.close()
            await server.wait_closed()

    asyncio.run(run())


@pytest.mark.parametrize("is_api", [True, False])
def test_a_client_of_an_api_server_is_told_that_its_node_is_unreachable(
    is_api: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []
    timeout, reach = asyncio.timeout, Entry.reach

    def noted(limit: float) -> asyncio.Timeout:
        given.append(limit)
        return timeout(0.05 if limit in (CONNECT_SECONDS, SILENT_SECONDS) else limit)

    async def never(self: Entry) -> Pipe:
        await asyncio.Event().wait()
        raise AssertionError

    async def client(port: int) -> None:
        monkeypatch.setattr("localkube.inside.relay.asyncio.timeout", noted)
        for way in (never, never, reach, reach):
            monkeypatch.setattr(Entry, "reach", way)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"hello")
            writer.write_eof()
            with contextlib.suppress(ConnectionResetError):
                answers.append(await reader.read(-1))
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        target = server.sockets[0].getsockname()
        if is_api:
            monkeypatch.setattr("localkube.inside.relay.API_PORT", target[1])
        entry = listen(0)
        relay = asyncio.create_task(serve({entry: target}))
        await client(entry.getsockname()[1])
        await end(relay)
        server.close()
        await server.wait_closed()

    answers: list[bytes] = []
    asyncio.run(run())
    second = SILENT_SECONDS if is_api else CONNECT_SECONDS
    assert given == [CONNECT_SECONDS, second, second, CONNECT_SECONDS]
    assert answers[-2:] == [b"hello", b"hello"]
    assert (answers[0] == INTERNAL_ERROR) is is_api


def test_a_burst_of_new_connections_waits_in_line_and_is_not_dropped() -> None:
    async def client(port: int) -> None:
        (await asyncio.open_connection("127.0.0.1", port))[1].close()  # the relay serves
        with contextlib.ExitStack() as burst:
            clients = [burst.enter_context(socket.socket()) for _ in range(200)]
            for each in clients:  # at once: the relay, in the same thread, accepts none meanwhile
                each.setblocking(False)
                each.connect_ex(("127.0.0.1", port))
            end = time.monotonic() + 30  # the relay, in the same thread, stays idle
            while not all(map(is_connected, clients)):
                assert time.monotonic() < end, "some were dropped"
                time.sleep(0.05)

    def is_connected(client: socket.socket) -> bool:
        with contextlib.suppress(OSError):
            return bool(client.getpeername())
        return False

    relayed(echo, client)


def test_the_relay_listens_on_loopback_only() -> None:
    with listen(0) as entry:
        assert entry.getsockname()[0] == "127.0.0.1"
