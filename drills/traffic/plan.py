"""What the generator is to send, as values. All durations are seconds."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class Lane(StrEnum):
    """How a request gets its connection. Other lanes may be named as wanted (`Plan.lanes`)."""

    KEPT = "kept"
    """On a kept-alive connection, as browsers and services do."""
    NEW = "new"
    """On a connection of its own, TLS handshake included."""
    NAIVE = "naive"
    """By the edge's naive route, to compare with: objectives do not speak of it."""


def lane_name(lane: str) -> str:
    """Return the name of a lane for people who see it beside those that count."""
    return "naive balancer" if lane == Lane.NAIVE else lane


@dataclass(frozen=True)
class Request:
    """A request as the generator sends it, in turn with others."""

    method: str = "GET"
    path: str = ""
    """With the query; empty: the lane's own."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    """In base64."""
    key: bool = False
    """Whether it has an Idempotency-Key, another one each time."""
    good: Sequence[int] = ()
    """Statuses that count as good; none: 2xx and 3xx."""


def _portals_own() -> tuple[Request, ...]:
    """Return the mix for the portal: of eight, four GET, three POST with a key, one without."""
    order = base64.b64encode(b'{"from":"checking","to":"savings","amount":"25.00"}').decode()
    plain = Request("POST", headers={"content-type": "application/json"}, body=order)
    pair = (Request(), replace(plain, key=True))
    return (*pair, *pair, *pair, Request(), plain)


@dataclass(frozen=True)
class LanePlan:
    """One stream of requests; all lanes take turns at the common rate."""

    name: str
    url: str
    """https or http address, path included."""
    keep_alive: bool
    counted: bool = True
    """Whether the objectives speak of it; not so for a lane that is there to compare."""
    server_name: str = ""
    """Name in the server's certificate, if it differs from the plan's host."""
    certificate: str = ""
    """PEM of a certificate to show to the server, and of its key."""
    protocols: Sequence[str] = ()
    """Those of the plan's that it has; empty: all."""


@dataclass(frozen=True)
class Plan:
    """What the generator is to send."""

    lanes: Sequence[LanePlan]
    rate: float = 100.0
    """Requests a second, of all lanes together."""
    duration: float | None = None
    """None: until it is stopped."""
    timeout: float = 3.0
    host: str = ""
    """Host name for TLS and HTTP, if it differs from the url's."""
    ca_file: str = ""
    """PEM of the authority to trust; empty: the system's."""
    protocols: Sequence[str] = ("h1", "h2")
    requests: Sequence[Request] = field(default_factory=_portals_own)
    """What is sent, in turn."""
    streams: int = 0
    """Streams of each kind that are kept open; the kinds are in `toolchain/modules/traffic`."""

    @property
    def without_secrets(self) -> Plan:
        """The plan as it may be on record: no values of headers and no bodies."""
        shown = tuple(
            replace(request, headers=dict.fromkeys(request.headers, ""), body="")
            for request in self.requests
        )
        return replace(self, requests=shown)

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Names of the lanes that are there to compare."""
        return tuple(lane.name for lane in self.lanes if not lane.counted)

    @property
    def counted_rate(self) -> float:
        """Requests a second of the lanes that objectives speak of."""
        return self.rate * sum(lane.counted for lane in self.lanes) / len(self.lanes)

    @staticmethod
    def to(url: str, *, naive_url: str = "", **settings: Any) -> Plan:
        """Return the usual plan: kept-alive and new connections to `url`, side by side.

        With `naive_url`, the address of the edge's naive route, that is beside them.
        """
        both = (LanePlan(Lane.KEPT, url, keep_alive=True), LanePlan(Lane.NEW, url, False))
        plan = Plan(lanes=both, **settings)
        return plan.beside_naive(naive_url) if naive_url else plan

    def beside_naive(self, url: str) -> Plan:
        """Return the plan with a lane by the naive route, which is not counted.

        The other lanes keep their rate: lanes take turns, so the common rate grows. This one is on
        kept-alive connections. How a client connects ends at the edge, behind which both routes
        have connections of their own, so that a second lane would show the same again; and without
        handshakes it takes the least from the machine that the counted ones are measured on.
        """
        lane = LanePlan(Lane.NAIVE, url, keep_alive=True, counted=False)
        count = len(self.lanes)
        return replace(self, lanes=(*self.lanes, lane), rate=self.rate * (count + 1) / count)
