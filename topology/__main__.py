"""`./demo task topology`: serve the live picture of a stack, until Ctrl-C, or that of a record."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from drills.stack import EDGE, Stack
from foundation.entry import entry
from foundation.errors import UserError
from foundation.run import interruptible
from topology import metrics, recording, server, telemetry
from topology.feed import Feed
from topology.hand import Hand
from topology.kubectl import Source
from topology.live import Live
from topology.picture import expected_shares
from topology.platform_pods import PlatformPods

_NICENESS = 5
"""Of the server of a drill: clients, proxies and what breaks them go first on a busy machine."""

_HEARD_SECONDS = 10
"""How long a drill waits until every proxy is heard; its record begins then anyway."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="./demo task topology --", description=__doc__)
    parser.add_argument("--stack", help="another stack than the selected one")
    parser.add_argument("--port", type=_port, default=0, help="on 127.0.0.1 (a free one)")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument("--read-only", action="store_true", help="nothing is done from the page")
    parser.add_argument("--record", type=Path, metavar="FILE", help="keep the pictures in it")
    parser.add_argument(
        "--replay", type=Path, metavar="RUN", help="a run's folder, or a record: show that"
    )
    parser.add_argument(
        "--otlp-endpoint",
        metavar="URL",
        help=f"send events to this OpenTelemetry collector (default: {telemetry.ENDPOINT})",
    )
    parser.add_argument("--for-drills", action="store_true", help=argparse.SUPPRESS)
    return entry(lambda: _run(parser.parse_args(arguments)))


def _port(text: str) -> int:
    """Return the port. Raises `argparse.ArgumentTypeError` if there is no such one."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port from 0 to 65535")
    return int(text)


def _run(chosen: argparse.Namespace) -> int:
    token = secrets.token_urlsafe(16)
    if chosen.replay:
        _serve(server.replay(recording.text(chosen.replay), token), token, chosen)
        return 0
    if chosen.for_drills:
        os.nice(_NICENESS)
    stack = Stack.selected(chosen.stack)
    collector = telemetry.endpoint(chosen.otlp_endpoint, os.environ)
    live = Live(stack.name, _source(stack))
    hand = None if chosen.read_only or chosen.for_drills else Hand(stack)
    if hand:
        live.command = hand.state
    sent = collector and telemetry.Telemetry(collector, stack.name, _say)
    if sent:
        live.tell = sent.send
    if chosen.record:
        live.record(chosen.record)
    exposed = metrics.exposition(lambda: live.latest, live.source.proxies)
    live.start()
    served = server.application(lambda: live.latest, token, hand, exposed)
    with interruptible(), contextlib.ExitStack() as ends:  # each, whatever another raises
        if sent:
            ends.callback(sent.end)  # what the hand has mended, too
        ends.callback(live.source.stop)
        if hand:
            ends.callback(hand.end)
        ends.callback(_end_record, live)
        _serve(served, token, chosen, live)
    return 0


def _end_record(live: Live) -> None:
    if page := live.end_record():
        print(f"Replay: {page}", flush=True)


def _source(stack: Stack) -> Source:
    expected = expected_shares(stack.order, stack.weights)
    if stack.platform == "envoy":
        return Feed(stack.kubeconfig, [EDGE, *stack.weights], expected)
    return PlatformPods(stack.kubeconfig, stack.platform, stack.application, expected)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _serve(
    application: Starlette, token: str, chosen: argparse.Namespace, live: Live | None = None
) -> None:
    listening = _listen(chosen.port)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/?token={token}"
    config = uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=1)
    serving = uvicorn.Server(config)
    with contextlib.closing(listening):
        print(address, flush=True)
        if live and chosen.for_drills:
            threading.Thread(target=_obey, args=(live, serving), daemon=True).start()
        else:
            print("Ctrl-C ends it.", flush=True)
        if chosen.open:
            webbrowser.open(address)
        serving.run(sockets=[listening])


def _obey(live: Live, serving: uvicorn.Server) -> None:
    """Record what a drill says on standard input, a line each; end when that ends.

    `record FILE` begins, `end` ends a record; each is answered by a line.
    """
    for line in sys.stdin:
        print(_answer(live, line.strip()), flush=True)
    serving.should_exit = True


def _answer(live: Live, line: str) -> str:
    what, _, file = line.partition(" ")
    try:
        if what == "record":
            until = time.monotonic() + _HEARD_SECONDS
            while not live.is_heard() and time.monotonic() < until:
                time.sleep(0.1)
            live.record(Path(file))
            return "begun"
        return str(live.end_record())
    except (UserError, OSError) as error:  # a full disk, say: the next run may be recorded
        return f"error: {error}"


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
