"""What happened: changes of state, each once, and the shares of the last minutes."""

from __future__ import annotations

from collections import deque
from typing import Any

_EVENTS = 100
_POINTS = 480
"""Two minutes of four points a second."""


class History:
    """Adds to each picture what came before it."""

    def __init__(self, stack: str) -> None:
        self._stack = stack
        self._states: dict[str, str] = {}
        self._events: deque[dict[str, Any]] = deque(maxlen=_EVENTS)
        self._points: deque[dict[str, Any]] = deque(maxlen=_POINTS)

    def add(self, found: dict[str, Any]) -> dict[str, Any]:
        """Return the picture with stack, events and shares; notes changes of state."""
        now = found["at"]
        for name, state in states(found).items():
            before = self._states.get(name)
            if before is not None and before != state:
                self._events.append({"at": now, "text": f"{name}: {before}, now {state}"})
            self._states[name] = state
        rates = {cluster["name"]: round(cluster["rate"], 1) for cluster in found["clusters"]}
        if not self._points or now - self._points[-1]["at"] >= 0.2:
            self._points.append({"at": now, "rates": rates})
        return {
            **found,
            "stack": self._stack,
            "events": list(self._events),
            "points": list(self._points),
        }


def states(found: dict[str, Any]) -> dict[str, str]:
    """Return the state of each part of a picture by a name that people know it by."""
    result = {f"edge pod {pod['name']}": str(pod["state"]) for pod in found["edge"]}
    for cluster in found["clusters"]:
        result[cluster["name"]] = str(cluster["state"])
        for gateway in cluster["gateways"]:
            result[f"{cluster['name']} gateway pod {gateway['name']}"] = str(gateway["state"])
        for pod in cluster["pods"]:
            result[f"{cluster['name']} pod {pod['address']}"] = _present(str(pod["state"]))
    return result


def _present(state: str) -> str:
    """Return a pod's state without the difference that a quiet second makes."""
    return "serving" if state == "standby" else state
