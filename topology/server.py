"""The page and its news, served on 127.0.0.1 to whoever has the token, and to no other origin."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from foundation.errors import UserError
from topology.hand import Hand
from topology.live import PERIOD
from topology.recording import news, page

_NAMES = ("127.0.0.1", "localhost")
_JSON = "application/json"
_LOOK = 0.02
"""Seconds between two looks whether there is a new picture."""
_AGAIN = 2 * PERIOD
"""Seconds after which the same picture is sent again: the page sees that the server is there."""

Read = Callable[[], dict[str, Any]]


def application(
    read: Read, token: str, hand: Hand | None = None, metrics: Callable[[], bytes] | None = None
) -> Starlette:
    """Return the application; `read` gives the picture of this moment.

    Every answer is one that no other origin may read or frame. A request needs the token, a Host of
    this machine, which a page that rebinds a name cannot send, and no foreign Origin. Without a
    `hand` nothing can be done from the page. Metrics need no token: a scraper's settings are files.
    """

    def events(request: Request) -> Response:
        if refused := _refusal(request, token):
            return refused
        return StreamingResponse(_news(read), media_type="text/event-stream", headers=_HEADERS)

    def state(request: Request) -> Response:
        return _refusal(request, token) or _json(read())

    def measured(request: Request) -> Response:
        if refused := _refusal(request, None):
            return refused
        assert metrics
        return Response(metrics(), media_type="text/plain; version=0.0.4", headers=_HEADERS)

    routes = [_page(token), Route("/events", events), Route("/state.json", state)]
    if metrics:
        routes.append(Route("/metrics", measured))
    return Starlette(routes=[*routes, *_deeds(hand, token)])


def replay(record: str, token: str) -> Starlette:
    """Return the application that serves the page of a record and nothing else."""
    return Starlette(routes=[_page(token, record)])


def _page(token: str, record: str = "") -> Route:
    def answer(request: Request) -> Response:
        if refused := _refusal(request, token):
            return refused
        text, policy = page(record)
        return HTMLResponse(text, headers={"Content-Security-Policy": policy, **_HEADERS})

    return Route("/", answer)


def _deeds(hand: Hand | None, token: str) -> Iterable[Route]:
    def offered(request: Request) -> Response:
        return _refusal(request, token) or _json(hand and hand.offers())

    async def do(request: Request) -> Response:
        if refused := _refusal(request, token):
            return refused
        # a browser says the origin of each POST, and asks first before another origin sends JSON
        if "origin" not in request.headers or request.headers.get("content-type") != _JSON:
            return _plain("The request does not come from the page.", 403)
        if not hand:
            return _plain("This page is read only.", 403)
        try:
            hand.do(json.loads(await request.body()))
        except (ValueError, UserError) as error:
            return _plain(str(error), 409 if isinstance(error, UserError) else 400)
        return _plain("begun", 202)

    return Route("/hand", offered), Route("/do", do, methods=["POST"])


_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def _json(value: Any) -> Response:
    return Response(json.dumps(value), media_type=_JSON, headers=_HEADERS)


def _plain(text: str, status: int) -> Response:
    return PlainTextResponse(f"{text}\n", status, headers=_HEADERS)


def _refusal(request: Request, token: str | None) -> Response | None:
    host = request.headers.get("host", "")
    origin = request.headers.get("origin")
    given = request.query_params.get("token", "")
    name = host.rpartition(":")[0] or host  # a browser does not say port 80
    is_ours = name in _NAMES and origin in (None, f"http://{host}")
    if is_ours and (token is None or secrets.compare_digest(given.encode(), token.encode())):
        return None
    return _plain("Open the address that ./demo task topology has printed.", 403)


async def _news(read: Read) -> AsyncIterator[str]:
    """Yield the whole picture, then what is new: a page that reconnects has missed nothing."""
    found = read()
    yield f"data: {json.dumps(found)}\n\n"
    while True:
        last = max((event["number"] for event in found.get("events", ())), default=0)
        before, until = found, time.monotonic() + _AGAIN
        while (found := read()) is before and time.monotonic() < until:
            await asyncio.sleep(_LOOK)
        yield f"data: {json.dumps(news(found, last))}\n\n"
