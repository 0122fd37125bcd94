"""The page and its news, served on 127.0.0.1 to whoever has the token, and to no other origin."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

PERIOD = 0.25
"""Seconds between two pictures."""

_PAGE = Path(__file__).parent / "page.html"
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; connect-src 'self'"
)
_NAMES = ("127.0.0.1", "localhost")

Read = Callable[[], dict[str, Any]]


def application(read: Read, token: str) -> Starlette:
    """Return the application; `read` gives the picture of this moment.

    Every answer is one that no other origin may read or frame. A request needs the token, a Host of
    this machine, which a page that rebinds a name cannot send, and no foreign Origin.
    """

    def page(request: Request) -> Response:
        if refused := _refusal(request, token):
            return refused
        nonce = secrets.token_urlsafe()
        text = _PAGE.read_text().replace("{{nonce}}", nonce)
        headers = {"Content-Security-Policy": _POLICY.format(nonce=nonce), **_HEADERS}
        return HTMLResponse(text, headers=headers)

    def events(request: Request) -> Response:
        if refused := _refusal(request, token):
            return refused
        return StreamingResponse(_news(read), media_type="text/event-stream", headers=_HEADERS)

    def state(request: Request) -> Response:
        if refused := _refusal(request, token):
            return refused
        return Response(json.dumps(read()), media_type="application/json", headers=_HEADERS)

    return Starlette(
        routes=[Route("/", page), Route("/events", events), Route("/state.json", state)]
    )


_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def _refusal(request: Request, token: str) -> Response | None:
    host = request.headers.get("host", "")
    origin = request.headers.get("origin")
    given = request.query_params.get("token", "")
    is_ours = host.rpartition(":")[0] in _NAMES and origin in (None, f"http://{host}")
    if is_ours and secrets.compare_digest(given.encode(), token.encode()):
        return None
    return PlainTextResponse(
        "Open the address that ./demo task topology has printed.\n", 403, headers=_HEADERS
    )


async def _news(read: Read) -> AsyncIterator[str]:
    """Yield the whole picture again and again: a page that reconnects has missed nothing."""
    due = time.monotonic()
    while True:
        yield f"data: {json.dumps(read())}\n\n"
        due = max(due + PERIOD, time.monotonic())
        await asyncio.sleep(due - time.monotonic())
