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
class TrafficPlan:
    """What the generator is to send."""

    lanes: Sequence[LanePlan]
    rate: float = 100.0
    """Requests a second, of all lanes together."""
    duration: float | None = None
    """None: until it is stopped."""
    timeout: float = 3.0
    """Seconds after which a request without an answer is lost."""
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
    def without_secrets(self) -> TrafficPlan:
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
    def to(url: str, **settings: Any) -> TrafficPlan:
        """Return the usual plan: kept-alive and new connections to `url`, side by side."""
        both = (LanePlan(Lane.KEPT, url, keep_alive=True), LanePlan(Lane.NEW, url, False))
        return TrafficPlan(lanes=both, **settings)

    def beside(self, lanes: Sequence[LanePlan], host: str) -> TrafficPlan:
        """Return the plan with lanes to compare with, which are not counted.

        The other lanes keep their rate: lanes take turns, so the common rate grows. `host` is the
        application's name, by which all are asked.
        """
        count = len(self.lanes)
        rate = self.rate * (count + len(lanes)) / count
        return replace(self, lanes=(*self.lanes, *lanes), rate=rate, host=host)
