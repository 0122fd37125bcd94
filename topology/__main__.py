"""`python -m topology`: serve the live picture of a stack, until Ctrl-C."""

from __future__ import annotations

import argparse
import secrets
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Sequence

import uvicorn

from drills.stack import EDGE
from drills.traffic import target
from foundation.entry import entry
from foundation.errors import UserError
from topology import server
from topology.feed import Feed
from topology.history import History
from topology.picture import picture


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="./demo task topology --", description=__doc__)
    parser.add_argument("--stack", help="another stack than the selected one")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1 (a free one)")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    return entry(lambda: _serve(parser.parse_args(arguments)))


def _serve(chosen: argparse.Namespace) -> int:
    found = target.selected(chosen.stack)
    if not found.weights:
        raise UserError(f"Stack {found.stack} is not up. Bring it up: ./demo up {found.stack}")
    if found.platform != "envoy":
        raise UserError(
            f"Stack {found.stack} is on platform {found.platform}, whose proxies are not ours to "
            "ask; look at it by: ./demo task generate-traffic"
        )
    feed = Feed(found.kubeconfig, [EDGE, *found.weights])
    history = History(found.stack)
    token = secrets.token_urlsafe(16)
    listening = _listen(chosen.port)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/?token={token}"

    latest = history.add(picture([], time.time()))

    def follow() -> None:
        """Keep the history, whether or not anybody looks."""
        nonlocal latest
        while True:
            latest = history.add(feed.read(lambda proxies: picture(proxies, time.time())))
            time.sleep(server.PERIOD)

    config = uvicorn.Config(
        server.application(lambda: latest, token), log_level="warning", timeout_graceful_shutdown=1
    )
    feed.start()
    threading.Thread(target=follow, daemon=True).start()
    print(f"{address}\nCtrl-C ends it.", flush=True)
    if chosen.open:
        webbrowser.open(address)
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        feed.stop()
        listening.close()
    return 0


def _listen(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", port))
        made.listen()  # the address is printed before the server has begun
    except OSError as error:
        made.close()
        raise UserError(f"port {port} of 127.0.0.1: {error.strerror}; choose another") from None
    return made


if __name__ == "__main__":
    sys.exit(main())
