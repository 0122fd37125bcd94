"""Ways to ask by HTTP: clients of Python, and curl."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from foundation import trust

BODY = b'{"from":"checking","to":"savings","amount":"25.00"}'

ClientPlan = dict[str, Any]
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


def trusting(plan: ClientPlan) -> ssl.SSLContext:
    """Return what trusts the plan's authority."""
    return trust.trusting(file=plan["ca"])


@contextlib.asynccontextmanager
async def with_httpx(plan: ClientPlan) -> AsyncIterator[Ask]:
    """Ask by httpx.AsyncClient; `variant` h2 has HTTP/2 switched on."""
    import httpx

    http2 = plan["variant"] == "h2" and not plan["mended"]
    async with httpx.AsyncClient(verify=trusting(plan), http2=http2) as client:

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
async def with_aiohttp(plan: ClientPlan) -> AsyncIterator[Ask]:
    """Ask by aiohttp.ClientSession."""
    import aiohttp

    connector = aiohttp.TCPConnector(ssl=trusting(plan))
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
async def with_requests(plan: ClientPlan) -> AsyncIterator[Ask]:
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
async def with_curl(plan: ClientPlan) -> AsyncIterator[Ask]:
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


def _in_threads(once: Callable[[int, str], tuple[int, str]]) -> Ask:
    pool = ThreadPoolExecutor(max_workers=64)

    async def ask(number: int, identity: str) -> tuple[int, str]:
        return await asyncio.get_running_loop().run_in_executor(pool, once, number, identity)

    return ask
