"""What an event cost a client, and whose each loss is. Pure functions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from drills.clients.edge_log import Line
from drills.clients.flow import Request


class Whose(StrEnum):
    """Who could have done better, as the edge's own log says."""

    CLIENT = "client"
    """The edge had answered well, and the client did not hand the answer to its user."""
    CONNECTION = "connection"
    """The edge never got it: it was sent on a connection that ended, and not again on another."""
    CUT = "cut"
    """The edge had it, and the connection to the client ended before the answer was complete."""
    EDGE = "edge"
    """The edge answered with an error."""
    UNLOGGED = "no log"
    """The edge's log of that time is not whole: a pod that ends at once takes its last lines along.
    """
    UNKNOWN = "unknown"
    """A message on a connection: the log has none of these."""


EXPLAINED = {
    Whose.CLIENT: "the edge had answered well; the client dropped the answer",
    Whose.CONNECTION: "never arrived: sent on a connection that had ended, and not sent again",
    Whose.CUT: "arrived; the connection ended before the answer was complete",
    Whose.EDGE: "the edge answered with an error",
    Whose.UNLOGGED: "not known: the edge's log of that time is not whole",
    Whose.UNKNOWN: "on its way when the connection ended; messages are not in the edge's log",
}
"""For people."""

AROUND = 2.0
"""Seconds before and after a loss in which good answers show whether the log is whole."""


@dataclass(frozen=True)
class Loss:
    """Requests that were lost alike."""

    count: int
    why: str
    """The library's own words, without addresses."""
    whose: Whose


@dataclass(frozen=True)
class Account:
    """What one event cost one client. Seconds."""

    client: str
    version: str
    event: str
    sent: int = 0
    lost: int = 0
    slow: int = 0
    """Answered, but later than what is promised of the event."""
    slowest: float = 0.0
    losses: tuple[Loss, ...] = ()
    remedy: str = ""
    problem: str = ""
    """Why there is no account; empty if there is one."""


def whose(lines: Sequence[Line], messages: bool = False, is_whole: bool = True) -> Whose:
    """Return whose the loss of a request is, of which the edge's log has these lines.

    `is_whole`: the log lacks nothing of that time.
    """
    if messages:
        return Whose.UNKNOWN
    if not lines:
        return Whose.CONNECTION if is_whole else Whose.UNLOGGED
    if any(line.is_good for line in lines):
        return Whose.CLIENT
    return Whose.CUT if lines[-1].is_cut else Whose.EDGE


def is_whole(
    lost: Request, answered: Iterable[Request], lines_of: Callable[[str], Sequence[Line]]
) -> bool:
    """Check whether the edge's log lacks nothing of the time of a loss.

    It must have each request that was answered well at about that time, of which there must be one.
    """
    begin, end = lost.due - AROUND, lost.due + lost.seconds + AROUND
    near = [each for each in answered if begin <= each.due + each.seconds <= end]
    return bool(near) and all(lines_of(each.id) for each in near)


def counted(requests: Iterable[Request]) -> list[Request]:
    """Return those from the first good answer on: before it a client is not there yet."""
    ordered = sorted(requests, key=lambda request: request.due)
    first = next((i for i, request in enumerate(ordered) if not request.lost), len(ordered))
    return ordered[first:]


def account(
    client: str,
    version: str,
    event: str,
    requests: Iterable[Request],
    lines_of: Callable[[str], Sequence[Line]],
    slow: float,
    *,
    answered: Sequence[Request] = (),
    messages: bool = False,
    remedy: str = "",
) -> Account:
    """Return what an event cost a client. `slow`: seconds that are promised at most.

    `answered` has requests of other clients that the log has to have.
    """
    known = counted(requests)
    good = [request.seconds for request in known if not request.lost]
    logged = [*answered, *(request for request in known if not request.lost)]

    def loss_of(request: Request) -> Whose:
        lines = lines_of(request.id)
        return whose(lines, messages, bool(lines) or is_whole(request, logged, lines_of))

    kinds = Counter((plain(request.why), loss_of(request)) for request in known if request.lost)
    return Account(
        client=client,
        version=version,
        event=event,
        sent=len(known),
        lost=len(known) - len(good),
        slow=sum(seconds > slow for seconds in good),
        slowest=max(good, default=0.0),
        losses=tuple(Loss(count, why, whom) for (why, whom), count in kinds.most_common()),
        remedy=remedy,
        problem="" if known else "it got no good answer at all",
    )


_VARYING = (
    (r'\b(Get|Post) "[^"]*": ', ""),
    (r"\[?[0-9a-f:.]*\d\.\d+\.\d+\.\d+\]?:\d+", "ADDRESS"),
    (r"after \d+ ms", "after some ms"),
    (r"\b\d{8}-\d{6}\S*", "NUMBER"),
    (r"0x[0-9a-f]+", "0x"),
    (r"<StreamID|stream_id:\d+|StreamID:? ?\d+|last_stream_id:\d+", "STREAM"),
)


def plain(why: str) -> str:
    """Return a library's words without what differs from request to request."""
    for pattern, instead in _VARYING:
        why = re.sub(pattern, instead, why)
    return why
