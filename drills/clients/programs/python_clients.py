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
import sys
import time
from typing import NamedTuple

from drills.clients.programs.http_ways import (
    Ask,
    ClientPlan,
    with_aiohttp,
    with_curl,
    with_httpx,
    with_requests,
)
from drills.clients.programs.stream_ways import with_grpcio, with_websockets

WAYS = {
    "httpx": with_httpx,
    "aiohttp": with_aiohttp,
    "requests": with_requests,
    "curl": with_curl,
    "grpcio": with_grpcio,
    "websockets": with_websockets,
}


class Due(NamedTuple):
    """When a request is due."""

    at: float
    """Seconds since the epoch."""
    clock: float
    """By the event loop's clock, which nobody sets."""


async def run(plan: ClientPlan) -> None:
    """Send at the plan's rate until the standard input ends; then wait for what is under way."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()

    def read() -> None:
        if not os.read(0, 1):
            loop.remove_reader(0)
            over.set()

    loop.add_reader(0, read)
    async with WAYS[plan["way"]](plan) as ask:
        # counted from when a request is due, not from when a busy program gets round to it
        begin, now, number = loop.time(), time.time(), 0
        tasks: dict[asyncio.Task[None], tuple[int, Due]] = {}
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                pause = begin + number / plan["rate"] - loop.time()
                await asyncio.wait_for(over.wait(), max(0.0, pause))
            due = Due(now + number / plan["rate"], begin + number / plan["rate"])
            task = asyncio.create_task(one(ask, plan, number, due))
            tasks[task] = (number, due)
            task.add_done_callback(lambda done: tasks.pop(done, None))
            number += 1
        if tasks:
            _, late = await asyncio.wait(list(tasks), timeout=plan["patience"])
            for task in late:
                number, due = tasks[task]
                tell(plan, number, due, error="no answer until the end")
        sys.stdout.flush()
        os._exit(0)  # threads and connections of libraries may wait for ever


async def one(ask: Ask, plan: ClientPlan, number: int, due: Due) -> None:
    """Send one request and say what became of it."""
    try:
        status, cluster = await ask(number, f"{plan['run']}-{number}")
    except Exception as error:
        words = " ".join(str(error).split()) or "no message"
        tell(plan, number, due, error=f"{type(error).__name__}: {words[:300]}")
    else:
        tell(plan, number, due, status, cluster)


def tell(
    plan: ClientPlan, number: int, due: Due, status: int = 0, cluster: str = "", error: str = ""
) -> None:
    """Write a line for one request."""
    line = {
        "id": f"{plan['run']}-{number}",
        "due": round(due.at, 6),
        "seconds": round(asyncio.get_running_loop().time() - due.clock, 6),
        "status": status,
        "cluster": cluster,
        "error": error,
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    asyncio.run(run(json.loads(sys.argv[1])))
