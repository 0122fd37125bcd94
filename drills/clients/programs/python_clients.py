"""Send a steady flow by one client library of Python, at its defaults.

A program of its own in the environment of `requirements-clients.txt`. It gets its plan as JSON in
its argument, writes a line of JSON for each request, and ends with its standard input. The fields
of plan and line are in `drills/clients/flow.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import sys
import time
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

BODY = b'{"from":"checking","to":"savings","amount":"25.00"}'
GOOD = range(200, 400)

TrafficPlan = dict[str, Any]
Ask = Callable[[int, str], Awaitable[tuple[int, str]]]
"""Send the request of that number with that id; give status and answering cluster, or raise."""


def method_of(number: int) -> str:
    """Return the method of a request: GET and POST take turns."""
    return "POST" if number % 2 else "GET"


def headers_of(number: int, identity: str) -> dict[str, str]:
    """Return its headers; a POST may be repeated, and says so."""
    own = {"x-demo-request": identity}
    if method_of(number) == "GET":
        return own
    return {**own, "idempotency-key": identity, "content-type": "application/json"}


def body_of(number: int) -> bytes | None:
    """Return its body, which a GET has none of."""
    return BODY if method_of(number) == "POST" else None


def _context(plan: TrafficPlan) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=plan["ca"])


@contextlib.asynccontextmanager
async def with_httpx(plan: TrafficPlan) -> AsyncIterator[Ask]:
    """Ask by httpx.AsyncClient; `variant` h2 has HTTP/2 switched on."""
    import httpx

    http2 = plan["variant"] == "h2" and not plan["mended"]
    async with httpx.AsyncClient(verify=_context(plan), http2=http2) as client:

        async def ask(number: int, identity: str) -> tuple[int, str]:
            answer = await client.request(
                method_of(number),
                plan["url"],
                headers=headers_of(number, identity),
                content=body_of(number),
            )
            return answer.status_code, answer.headers.get("x-served-by-cluster", "")

        yield ask


@contextlib.asynccontextmanager
async def with_aiohttp(plan: TrafficPlan) -> AsyncIterator[Ask]:
    """Ask by aiohttp.ClientSession."""
    import aiohttp

    connector = aiohttp.TCPConnector(ssl=_context(plan))
    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask(number: int, identity: str) -> tuple[int, str]:
            async with session.request(
                method_of(number),
                plan["url"],
                headers=headers_of(number, identity),
                data=body_of(number),
            ) as answer:
                await answer.read()
                return answer.status, answer.headers.get("x-served-by-cluster", "")

        yield ask


@contextlib.asynccontextmanager
async def with_requests(plan: TrafficPlan) -> AsyncIterator[Ask]:
    """Ask by one requests.Session, in threads."""
    import requests

    session = requests.Session()
    if plan["mended"]:
        from requests.adapters import HTTPAdapter
        from urllib3.util import Retry

        again = Retry(total=3, backoff_factor=0.1, allowed_methods=None)
        session.mount("https://", HTTPAdapter(max_retries=again))

    def once(number: int, identity: str) -> tuple[int, str]:
        answer = session.request(
            method_of(number),
            plan["url"],
            headers=headers_of(number, identity),
            data=body_of(number),
            verify=plan["ca"],
        )
        return answer.status_code, answer.headers.get("x-served-by-cluster", "")

    yield _in_threads(once)


@contextlib.asynccontextmanager
async def with_curl(plan: TrafficPlan) -> AsyncIterator[Ask]:
    """Ask by a process of curl for each request, as scripts do."""
    more = ["--retry", "3", "--retry-all-errors"] if plan["mended"] else []

    async def ask(number: int, identity: str) -> tuple[int, str]:
        command = [plan["program"], "--silent", "--show-error", "--output", os.devnull, *more]
        for name, value in headers_of(number, identity).items():
            command += ["--header", f"{name}: {value}"]
        if body := body_of(number):
            command += ["--data-binary", body.decode()]
        said = "%{http_code} %header{x-served-by-cluster}"
        command += ["--cacert", plan["ca"], "--write-out", said, plan["url"]]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            out, problem = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            raise
        if process.returncode:
            raise OSError(problem.decode().strip() or f"exit code {process.returncode}")
        status, _, cluster = out.decode().partition(" ")
        return int(status), cluster

    yield ask


@contextlib.asynccontextmanager
async def with_grpcio(plan: TrafficPlan) -> AsyncIterator[Ask]:
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
async def with_websockets(plan: TrafficPlan) -> AsyncIterator[Ask]:
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
                current.append(await connect(url, ssl=_context(plan)))
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


def _in_threads(once: Callable[[int, str], tuple[int, str]]) -> Ask:
    pool = ThreadPoolExecutor(max_workers=64)

    async def ask(number: int, identity: str) -> tuple[int, str]:
        return await asyncio.get_running_loop().run_in_executor(pool, once, number, identity)

    return ask


WAYS = {
    "httpx": with_httpx,
    "aiohttp": with_aiohttp,
    "requests": with_requests,
    "curl": with_curl,
    "grpcio": with_grpcio,
    "websockets": with_websockets,
}


async def run(plan: TrafficPlan) -> None:
    """Send at the plan's rate until the standard input ends; then wait for what is under way."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()

    def read() -> None:
        if not os.read(0, 1):
            loop.remove_reader(0)
            over.set()

    loop.add_reader(0, read)
    async with WAYS[plan["way"]](plan) as ask:
        begin, number = loop.time(), 0
        tasks: dict[asyncio.Task[None], tuple[int, float]] = {}
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                pause = begin + number / plan["rate"] - loop.time()
                await asyncio.wait_for(over.wait(), max(0.0, pause))
            task = asyncio.create_task(one(ask, plan, number))
            tasks[task] = (number, time.time())
            task.add_done_callback(lambda done: tasks.pop(done, None))
            number += 1
        if tasks:
            _, late = await asyncio.wait(list(tasks), timeout=plan["patience"])
            for task in late:
                number, due = tasks[task]
                tell(plan, number, due, error="no answer until the end")
        sys.stdout.flush()
        os._exit(0)  # threads and connections of libraries may wait for ever


async def one(ask: Ask, plan: TrafficPlan, number: int) -> None:
    """Send one request and say what became of it."""
    due = time.time()
    try:
        status, cluster = await ask(number, f"{plan['run']}-{number}")
    except Exception as error:
        words = " ".join(str(error).split()) or "no message"
        tell(plan, number, due, error=f"{type(error).__name__}: {words[:300]}")
    else:
        tell(plan, number, due, status, cluster)


def tell(
    plan: TrafficPlan, number: int, due: float, status: int = 0, cluster: str = "", error: str = ""
) -> None:
    """Write a line for one request."""
    line = {
        "id": f"{plan['run']}-{number}",
        "due": round(due, 6),
        "seconds": round(time.time() - due, 6),
        "status": status,
        "cluster": cluster,
        "error": error,
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    asyncio.run(run(json.loads(sys.argv[1])))
