"""What traffic is made of, as values: requests sent, what happened meanwhile, what was promised.

All points in time are seconds since the epoch, by the clock of the machine that sends; the
generator reads that clock once and counts on monotonically, so that no step of it bends a latency.
All durations are seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """Gives the name of a lane for people who see it beside those that count."""
    return "naive balancer" if lane == Lane.NAIVE else lane


class ErrorKind(StrEnum):
    """Why a request got no answer."""

    TIMEOUT = "timeout"
    """No whole answer in time, counted from when the request was due."""
    REFUSED = "refused"
    """Nobody listened."""
    UNREACHABLE = "unreachable"
    """The network said that there is no way there."""
    RESET = "reset"
    """The connection, or the HTTP/2 stream, was reset."""
    CLOSED = "closed"
    """The connection was closed before the answer was complete."""
    TLS = "tls"
    """The handshake failed, or the certificate does not belong to the host."""
    PROTOCOL = "protocol"
    """What came was not HTTP, or not the protocol that was agreed on."""
    NAME = "name"
    """The host's name has no address."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Sample:
    """One request, sent once and never again, and what became of it."""

    id: str
    """`<run>-<number>`, sent as `x-demo-request`, which reaches the portal's access log."""
    due: float
    """When it was planned for; the rate does not wait for answers."""
    started: float
    """When it was really begun: `started - due` is the generator's own lateness."""
    duration: float
    """From `due` to the last byte of the answer, or to the failure."""
    lane: str
    method: str
    protocol: str
    """`h1` or `h2`."""
    key: str | None = None
    """Idempotency-Key, if one was sent."""
    status: int | None = None
    error: ErrorKind | None = None
    detail: str = ""
    """The error's own words."""
    cluster: str = ""
    """`x-served-by-cluster`; empty without an answer, or where nobody said."""
    pod: str = ""
    """`x-served-by-pod`."""
    request_id: str = ""
    """`x-request-id` of the answer: the edge's own, which all its tries carry."""
    attempts: int | None = None
    """Tries that the edge made, if it told (`x-envoy-attempt-count`)."""
    reused: bool = False
    """Whether the connection had carried a request before."""

    @property
    def ended(self) -> float:
        """When the answer was complete, or the failure known."""
        return self.due + self.duration

    @property
    def failure(self) -> str | None:
        """The error's kind or the status that nobody wants (`503`); None for a good answer."""
        if self.error is not None:
            return str(self.error)
        if self.status is None or not 200 <= self.status < 400:
            return str(self.status)
        return None

    @property
    def lost(self) -> bool:
        """Whether the client got no good answer."""
        return self.failure is not None

    @property
    def repeatable(self) -> bool:
        """Whether the data path may send it again: objectives cover these only."""
        return self.method != "POST" or self.key is not None

    @property
    def kind(self) -> str:
        """Method as the ledger's tables name it: `GET`, `POST with key`, `POST without key`."""
        if self.method != "POST":
            return self.method
        return "POST with key" if self.key else "POST without key"


class EventKind(StrEnum):
    """What kind of thing happened beside the traffic."""

    FAULT = "fault"
    """Something was broken on purpose; in force when `at` is reached."""
    FIX = "fix"
    """The fault of the same `name` was mended."""
    SWITCH = "switch"
    """A change of configuration: lbMode, certificates, a new version."""
    OBSERVED = "observed"
    """Something that the infrastructure did, as read from it: `ejected`, `unhealthy`, ..."""
    PHASE = "phase"
    """A part of a drill begins: `baseline`, `fault`, `failback`, ..."""
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Event:
    """A fault, a switch or an observation, on the same clock as the samples."""

    at: float
    kind: EventKind
    name: str
    """Of the drill, fault or switch: `workload-gone`. A fault and its fix share it."""
    cluster: str = ""
    """The cluster that it strikes or concerns."""
    text: str = ""
    """For people, without the time."""
    serving: tuple[str, ...] | None = None
    """Clusters that alone may answer from now on; None: no change of that (a fix: those before
    its fault may answer again, beside those since)."""
    within: float = 0.0
    """How long after `at` the clusters that served before may go on answering."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One line of a portal's access log: a request, or a further try of it, reached a pod."""

    at: float
    id: str
    """`x-demo-request`, as in `Sample.id`."""
    cluster: str
    pod: str
    method: str = ""
    status: int = 0
    """What the pod answered; 0 when the other side had gone before it could."""

    @property
    def executed(self) -> bool:
        """Whether the portal did what was asked, rather than refuse it or be left."""
        return 200 <= self.status < 400


@dataclass(frozen=True)
class Objectives:
    """What is promised to clients while a fault is in force, in seconds. None: not promised."""

    lost: int = 0
    """Requests that may be lost (GET, and POST with an Idempotency-Key)."""
    slowest: float = 0.25
    """The slowest answer; slower ones count as slow."""
    moved: float | None = 1.0
    """Until the struck side answers no more."""
    gap: float | None = None
    """The longest time without a good answer."""


@dataclass(frozen=True)
class LanePlan:
    """One stream of requests; all lanes take turns at the common rate."""

    name: str
    url: str
    """https or http address, path included."""
    keep_alive: bool
    counted: bool = True
    """Whether the objectives speak of it; not so for a lane that is there to compare."""


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
    kinds: Sequence[str] = ("get", "post-key", "get", "post-key", "get", "post-key", "get", "post")
    """Kinds of requests in turn: `get`, `post-key` and `post` (without Idempotency-Key)."""

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
        """Gives the usual plan: kept-alive and new connections to `url`, side by side.

        With `naive_url`, the address of the edge's naive route, that is beside them.
        """
        both = (LanePlan(Lane.KEPT, url, keep_alive=True), LanePlan(Lane.NEW, url, False))
        plan = Plan(lanes=both, **settings)
        return plan.beside_naive(naive_url) if naive_url else plan

    def beside_naive(self, url: str) -> Plan:
        """Gives the plan with a lane by the naive route, which is not counted.

        The other lanes keep their rate: lanes take turns, so the common rate grows. This one is on
        kept-alive connections. How a client connects ends at the edge, behind which both routes
        have connections of their own, so that a second lane would show the same again; and without
        handshakes it takes the least from the machine that the counted ones are measured on.
        """
        lane = LanePlan(Lane.NAIVE, url, keep_alive=True, counted=False)
        count = len(self.lanes)
        return replace(self, lanes=(*self.lanes, lane), rate=self.rate * (count + 1) / count)


@dataclass(frozen=True)
class Header:
    """First line of a record: what the run was."""

    run: str
    """Id: start in UTC and what ran, for example `20261123-191500-workload-gone`."""
    started: float
    title: str = ""
    stack: str = ""
    config_digest: str = ""
    """Of the stack's settings and manifests, so that only like is compared with like."""
    objectives: Objectives = field(default_factory=Objectives)
    plan: Plan | None = None
    serving: tuple[str, ...] | None = None
    """Clusters that alone may answer until an event says otherwise; None: any."""
    portal_logs: bool = False
    """Whether the portals' logs are read, so that duplicates are known."""
    environment: dict[str, Any] = field(default_factory=dict)
    """Versions, machine, settings: whatever a reader of the report should know."""
