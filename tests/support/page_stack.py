"""A stack that tests make up, and its live page, served to a browser."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from drills.journal import Entry
from drills.traffic import Event, EventKind
from tests.support.browser import Page
from tests.support.pictures import EAST, WEST
from tests.support.waiting import eventually
from topology import server
from topology.admin import Host, Rules
from topology.history import History
from topology.picture import picture
from topology.proxies import Proxy

TOKEN = "a-token"


class Stack:
    """Proxies of an edge and of some clusters, and what they say at each moment."""

    def __init__(self, *clusters: str) -> None:
        self.clusters = clusters
        self.flags: dict[str, frozenset[str]] = {}
        self.history = History("west")
        self.now = 1000.0
        self.silent: set[str] = set()
        self.broken: list[Entry] = []
        self.edge = Proxy("gateway-1-edge", "corp-edge", is_edge=True, ready=True)
        self.gateways = [Proxy(f"gateway-{c}-a", c, is_edge=False, ready=True) for c in clusters]
        self.sent = dict.fromkeys(clusters, 0)
        self.latest: dict[str, Any] = {}
        self.pass_time(0.0)

    def pass_time(self, seconds: float, *told: Event, to: tuple[str, ...] = ()) -> dict[str, Any]:
        """Let time pass in which 40 requests go `to` each of these clusters, or to all."""
        self.now += seconds
        for cluster in to or self.clusters:
            self.sent[cluster] += 40
        hosts = [
            Host(f"10.0.0.{n}:15443", c, flags=self.flags.get(c, frozenset()), total=self.sent[c])
            for n, c in enumerate(self.clusters)
        ]
        self.edge.rules = Rules(base=30.0)
        self.edge.hear(self.now, hosts)
        for number, proxy in enumerate(self.gateways):
            if proxy.cluster not in self.silent:
                pod = Host(f"10.1.{number}.1:3000", proxy.cluster, total=self.sent[proxy.cluster])
                proxy.hear(self.now, [pod])
        found = picture([self.edge, *self.gateways], self.now)
        self.latest = self.history.add(found, told, self.broken, mode="active", command=None)
        return self.latest


class Hand:
    """Notes what is wanted."""

    def __init__(self) -> None:
        self.wanted: list[Any] = []

    def offers(self) -> dict[str, Any]:
        offered = {"what": "No pods.", "in": {EAST: "Then west.", WEST: "Then east."}}
        return {"modes": ["active", "standby"], "faults": {"workload-gone": offered}}

    def do(self, wanted: Any) -> None:
        self.wanted.append(wanted)


@contextlib.contextmanager
def served(stack: Stack, hand: Any = None, port: int = 0) -> Iterator[str]:
    """Serve the live page; gives its address."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    application = server.application(lambda: stack.latest, TOKEN, hand)
    config = uvicorn.Config(application, log_level="critical", timeout_graceful_shutdown=0)
    serving = uvicorn.Server(config)
    thread = threading.Thread(target=serving.run, args=([listening],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/?token={TOKEN}"
    finally:
        serving.should_exit = True
        thread.join()
        listening.close()


def shown(page: Page, text: str) -> None:
    eventually(lambda: page.shows(text), f"the page shows {text!r}", 20)


def has(page: Page, *words: str) -> Callable[[], bool]:
    """Whether a part of the picture has a name with all these words."""
    return lambda: any(all(word in name for word in words) for name in page.names("image"))


def struck() -> Stack:
    """A stack whose first cluster was left out after a fault, and whose gateway is silent."""
    stack = Stack(EAST, WEST)
    stack.pass_time(1.0)
    stack.broken = [Entry("cluster-power", EAST, stack.now)]
    stack.flags[EAST] = frozenset({"failed_active_hc"})
    stack.silent.add(EAST)
    stack.pass_time(3.0, Event(stack.now, EventKind.FAULT, "cluster-power", EAST), to=(WEST,))
    return stack
