"""Ways to ask by what stays open: calls of gRPC, messages on a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any

from drills.clients.programs.http_ways import Ask, ClientPlan, trusting


@contextlib.asynccontextmanager
async def with_grpcio(plan: ClientPlan) -> AsyncIterator[Ask]:
    """Ask by a call of gRPC on one channel: a message, its echo, and the call's status."""
    import grpc
    import grpc.aio

    url = urllib.parse.urlsplit(plan["url"])
    with open(plan["ca"], "rb") as file:  # noqa: PTH123
        trusted = grpc.ssl_channel_credentials(file.read())
    options: list[tuple[str, Any]] = []
    if plan["mended"]:
        policy = {
            "maxAttempts": 4,
            "initialBackoff": "0.1s",
            "maxBackoff": "1s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        config = {"methodConfig": [{"name": [{}], "retryPolicy": policy}]}
        options = [("grpc.service_config", json.dumps(config))]
    address = f"{url.hostname}:{url.port or 443}"
    async with grpc.aio.secure_channel(address, trusted, options) as channel:
        echo = channel.stream_stream(f"{url.path.rstrip('/')}/api/echo", bytes, bytes)

        async def ask(number: int, identity: str) -> tuple[int, str]:
            call = echo(metadata=[("x-demo-request", identity)])
            message = str(number).encode()
            await call.write(message)
            if await call.read() != message:
                raise OSError(f"not the echo: {await call.code()} {await call.details()}")
            await call.done_writing()
            code = await call.code()
            if code is not grpc.StatusCode.OK:
                raise OSError(f"{code}: {await call.details()}")
            first = dict(await call.initial_metadata())
            return 200, str(first.get("x-served-by-cluster", ""))

        yield ask


@contextlib.asynccontextmanager
async def with_websockets(plan: ClientPlan) -> AsyncIterator[Ask]:
    """Ask by a message on one WebSocket, whose echo is the answer; a new one when it has ended."""
    from websockets.asyncio.client import connect

    url = plan["url"].rstrip("/").replace("http", "ws", 1) + "/api/socket"
    waiting: dict[str, asyncio.Future[str]] = {}
    opening = asyncio.Lock()
    current: list[Any] = []

    async def listen(socket: Any) -> None:
        try:
            async for text in socket:
                if (future := waiting.pop(text, None)) and not future.done():
                    future.set_result("")
            problem: Exception = OSError(f"closed by the other side: {socket.close_code}")
        except Exception as error:
            problem = error
        current.clear()
        for future in waiting.values():
            if not future.done():
                future.set_exception(problem)
        waiting.clear()

    async def opened() -> Any:
        async with opening:
            if not current:
                current.append(await connect(url, ssl=trusting(plan)))
                listening.append(asyncio.create_task(listen(current[0])))
        return current[0]

    listening: list[asyncio.Task[None]] = []

    async def ask(number: int, identity: str) -> tuple[int, str]:
        for left in reversed(range(20 if plan["mended"] else 1)):
            try:
                socket = await opened()
                waiting[identity] = asyncio.get_running_loop().create_future()
                await socket.send(identity)
                await waiting[identity]
                break
            except Exception:
                if not left:
                    raise
                await asyncio.sleep(0.1)
        return 200, ""

    yield ask
