"""What traffic is made of, as values: requests sent, what happened meanwhile, what was promised.

All points in time are seconds since the epoch, by the clock of the machine that sends; the
generator reads that clock once and counts on monotonically, so that no step of it bends a latency.
All durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from drills.traffic.plan import TrafficPlan

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
"""Methods that the data path may send again without an Idempotency-Key (docs/data-path.md)."""


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
    request: str = ""
    """Method and path, where the plan has requests of a user's own."""
    good: bool | None = None
    """Whether the status is one of those that the request names; None: it names none."""
    grpc_status: str = ""
    """Of an answer of gRPC; `none` where it ended without one."""

    @property
    def ended(self) -> float:
        """When the answer was complete, or the failure known."""
        return self.due + self.duration

    @property
    def failure(self) -> str | None:
        """The error's kind or the status that nobody wants (`503`); None for a good answer.

        gRPC's own status counts unless the request names statuses of HTTP.
        """
        if self.error is not None:
            return str(self.error)
        ordinary = self.status is not None and 200 <= self.status < 400
        if not (ordinary if self.good is None else self.good):
            return str(self.status)
        if self.good is None and self.grpc_status not in ("", "0"):
            return f"grpc-status {self.grpc_status}"
        return None

    @property
    def lost(self) -> bool:
        """Whether the client got no good answer."""
        return self.failure is not None

    @property
    def repeatable(self) -> bool:
        """Whether the data path may send it again: objectives cover these only."""
        return self.method in SAFE or self.key is not None

    @property
    def kind(self) -> str:
        """Request as the ledger's tables name it: `GET`, `POST with key`, `PUT /a without key`."""
        name = self.request or self.method
        if self.method in SAFE:
            return name
        return f"{name} with key" if self.key else f"{name} without key"


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


class StreamStep(StrEnum):
    """What happened to a stream."""

    OPENED = "opened"
    """The answer has begun."""
    MESSAGE = "message"
    """A numbered message has come."""
    CUT = "cut"
    """It ended with an error, and its client opens it again."""
    ENDED = "ended"
    """The other side ended it in good order, and its client opens it again."""
    REFUSED = "refused"
    """It could not be opened, and its client tries again."""


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """One step of one stream: its messages are numbered 1, 2, 3, over all its connections."""

    at: float
    stream: str
    """`events-1`."""
    kind: str
    """`server-sent events`, `WebSocket`, `gRPC, one-way` or `gRPC, two-way`."""
    step: StreamStep
    number: int | None = None
    """Of a message."""
    cluster: str = ""
    """Who answered, of a stream that was opened."""
    detail: str = ""
    """The error's own words."""


@dataclass(frozen=True)
class Objectives:
    """What is promised to clients while a fault is in force, in seconds. None: not promised."""

    lost: int | None = 0
    """Requests that may be lost (GET, and POST with an Idempotency-Key)."""
    slowest: float = 0.25
    """The slowest answer; slower ones count as slow."""
    moved: float | None = 1.0
    """Until the struck side answers no more."""
    gap: float | None = None
    """The longest time without a good answer."""
    back: float | None = None
    """From the end of a stream to the next message that its client gets."""
    cut: int | None = None
    """Streams that may be cut."""
    goodput: float | None = None
    """Good answers a second while the fault is in force."""
    recovered: float | None = None
    """From the fix until no request is lost any more."""
    herd: float | None = None
    """Of the struck cluster's former rate, what it may get in the first second of its return."""
    executions: tuple[float, float] | None = None
    """Executions for each request: in the first seconds of the fault, and after them."""
    beyond_usual: bool = False
    """Whether `slowest` is what a fault may add to what requests take without it."""

    def with_usual(self, usual: float) -> Objectives:
        """Return these for requests of which the slowest took `usual` seconds before the fault.

        They may take that twice: what is cut as it ends begins anew.
        """
        if not self.beyond_usual:
            return self
        return replace(self, slowest=self.slowest + 2 * usual, beyond_usual=False)


@dataclass(frozen=True)
class Header:
    """First line of a record: what the run was."""

    run: str
    """Id: start in UTC and what ran, for example `20261123-191500-workload-gone`."""
    started: float
    title: str = ""
    fault: str = ""
    """Name of a drill's fault; empty for other traffic."""
    stack: str = ""
    config_digest: str = ""
    """Of the stack's settings and manifests, so that only like is compared with like."""
    objectives: Objectives = field(default_factory=Objectives)
    plan: TrafficPlan | None = None
    serving: tuple[str, ...] | None = None
    """Clusters that alone may answer until an event says otherwise; None: any."""
    portal_logs: bool = False
    """Whether the portals' logs are read, so that duplicates are known."""
    environment: dict[str, Any] = field(default_factory=dict)
    """Versions, machine, settings: whatever a reader of the report should know."""
