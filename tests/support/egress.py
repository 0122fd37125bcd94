"""The way out of a lab, asked by a node, and servers on loopback that stand for other machines."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from localkube.inside import egress

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


OUTSIDE = ("127.0.0.2", "127.0.0.3")
"""Loopback addresses that count as other machines here."""

FORBIDDEN = "127.0.0.4"


def answers(monkeypatch: pytest.MonkeyPatch, port: int, *addresses: str) -> list[str]:
    """Has every name resolved to these addresses, at a server's port; gives the names asked for."""
    asked: list[str] = []

    async def getaddrinfo(_: Any, host: str, *_rest: Any, **_more: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    connect = asyncio.open_connection

    async def open_connection(host: str, _: int, **options: Any) -> Any:
        return await connect(host, port, **options)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(egress.asyncio, "open_connection", open_connection)
    return asked


@contextlib.asynccontextmanager
async def server(handler: Handler, address: str, **options: Any) -> AsyncIterator[int]:
    """A server on loopback; gives its port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, 0))
        port = listener.getsockname()[1]
        running = await asyncio.start_server(handler, sock=listener, **options)
        try:
            yield port
        finally:
            running.close()


async def say_hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says at which address it was reached."""
    writer.write(b"hello from " + writer.get_extra_info("sockname")[0].encode())
    await writer.drain()
    writer.close()


async def ask(request: bytes, then: bytes = b"") -> bytes:
    """All that the way out answers to a request."""
    async with server(egress.handle, "127.0.0.1", limit=egress.HEAD_BYTES) as port:
        with socket.socket() as client:
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", port))
            await loop.sock_sendall(client, request + then)
            received = b""
            with contextlib.suppress(ConnectionResetError):
                while data := await asyncio.wait_for(loop.sock_recv(client, 1 << 16), 10):
                    received += data
            return received


def connect(host: str, port: int = 443) -> bytes:
    return f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
