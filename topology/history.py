"""What happened: changes of state, faults and what they led to, and the last minutes' shares."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from drills.journal import Entry
from drills.stack import EDGE
from drills.traffic import Event, EventKind
from foundation.colours import cluster_colours
from topology.moments import Moments
from topology.proxies import State

_EVENTS = 200
_POINTS = 480
"""Two minutes of four points a second."""

_SHOWN = (EventKind.FAULT, EventKind.FIX, EventKind.SWITCH, EventKind.OBSERVED)


class History:
    """Adds to each picture what came before it."""

    def __init__(self, stack: str) -> None:
        self._stack = stack
        self._states: dict[str, str] = {}
        self._due: dict[str, float] = {}
        self._colours: dict[str, str] = {}
        self._moments = Moments()
        self._events: deque[dict[str, Any]] = deque(maxlen=_EVENTS)
        self._points: deque[dict[str, Any]] = deque(maxlen=_POINTS)
        self._number = 0

    def add(
        self,
        found: dict[str, Any],
        told: Iterable[Event] = (),
        broken: Sequence[Entry] = (),
        **more: Any,
    ) -> dict[str, Any]:
        """Return the picture with stack, faults in force, all events and shares, and colours.

        `told` is what others announced since the last picture; `more` goes into the picture.
        """
        shown = [event for event in told if event.kind in _SHOWN]
        for event in [*self._moments.add(found, shown), *self._changes(found)]:
            self._number += 1
            self._events.append({"number": self._number, **event})
        now = found["at"]
        while self._points and self._points[-1]["at"] > now:
            self._points.pop()  # somebody has set the clock back
        is_due = not self._points or now - self._points[-1]["at"] >= 0.2
        if is_due and found["rate"] is not None:
            self._points.append(point(found))
        names = [cluster["name"] for cluster in found["clusters"]]
        if set(names) != set(self._colours):
            self._colours = cluster_colours(names)
        return {
            **found,
            "clusters": [
                {**each, "colour": self._colours[each["name"]]} for each in found["clusters"]
            ],
            "stack": self._stack,
            "broken": [
                {"fault": each.fault, "cluster": each.cluster, "since": each.since}
                for each in broken
            ],
            **more,
            "events": list(self._events),
            "points": list(self._points),
        }

    def _changes(self, found: dict[str, Any]) -> Iterable[dict[str, Any]]:
        """Yield an event for each state, and for due shares, that are not as they were."""
        now = found["at"]
        for part in parts(found):
            name, state = part["part"], part["state"]
            before = self._states.get(name)
            if before is not None and before != state:
                kind = "ejected" if state == State.EJECTED else "state"
                text = f"{name}: {before}, now {state}"
                yield {"at": now, "kind": kind, "text": text, "before": before, **part}
            self._states[name] = state
        due = {cluster["name"]: round(cluster["due"], 3) for cluster in found["clusters"]}
        if all(pod["silent"] is None for pod in found["edge"]):
            return  # nobody has said yet what is in force
        if self._due and due != self._due:
            text = ", ".join(f"{name} {share:.0%}" for name, share in due.items())
            yield {"at": now, "kind": "switch", "text": f"The edge is configured anew: {text}"}
        self._due = due or self._due


def point(found: dict[str, Any]) -> dict[str, Any]:
    """Return what the line of time keeps of a picture: who answered how much."""
    rates = {cluster["name"]: round(cluster["answers"], 1) for cluster in found["clusters"]}
    return {"at": found["at"], "rates": rates}


def states(found: dict[str, Any]) -> dict[str, str]:
    """Return the state of each part of a picture by a name that people know it by."""
    return {each["part"]: each["state"] for each in parts(found)}


def parts(found: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Yield name and state of each part of a picture, and what Kubernetes calls it.

    `cluster` and `pod` are there where they are known; of a pod of the application only `address`.
    """
    for pod in found["edge"]:
        where = {"cluster": EDGE, "pod": pod["name"]}
        yield {"part": f"edge pod {pod['name']}", "state": str(pod["state"]), **where}
    for cluster in found["clusters"]:
        name = cluster["name"]
        yield {"part": name, "state": str(cluster["state"]), "cluster": name}
        for gateway in cluster["gateways"]:
            where = {"cluster": name, "pod": gateway["name"]}
            part = f"{name} gateway pod {gateway['name']}"
            yield {"part": part, "state": str(gateway["state"]), **where}
        for pod in cluster["pods"]:
            where = {"cluster": name, "address": pod["address"]}
            part = f"{name} pod {pod['address']}"
            yield {"part": part, "state": _present(str(pod["state"])), **where}


def _present(state: str) -> str:
    """Return a pod's state without the difference that a quiet second makes."""
    return "serving" if state == "standby" else state
