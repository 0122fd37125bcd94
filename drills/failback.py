"""Failback by hand: which clusters the edge holds back, and how they are brought back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from drills import update
from drills.say import Say
from drills.stack import EDGE, Stack
from foundation import envoy_admin, project
from foundation.contract import FAILBACK_TRIGGER, GATEWAY_NAMESPACE, GATEWAY_SELECTOR
from foundation.errors import UserError

MANUAL = "manual"
"""Value of the setting `failback` with which somebody has to say when a cluster returns."""

TRIGGER = f"**:{FAILBACK_TRIGGER}::**"
"""URN of the resource whose replacement brings clusters back."""

_WHERE = ("--namespace", GATEWAY_NAMESPACE)

_HELD, _PLAIN = "regions-0", "regions"
"""First parts of the names of the edge's Envoy clusters: with failback, and without."""

_LOOK = f"""
{envoy_admin.request()}{envoy_admin.ANSWERED}
request GET /clusters?filter=%5Eregions && answered
"""


def held(lines: Iterable[str]) -> set[str]:
    """Return the clusters that an Envoy of the edge holds back though they are well.

    `lines` are those of its `/clusters`.
    """
    zones: dict[str, str] = {}
    flags: dict[tuple[str, str], set[str]] = {}
    for line in lines:
        match line.split("::", 3):
            case [_, address, "zone", zone]:
                zones[address] = zone
            case [name, address, "health_flags", flag]:
                flags.setdefault((name.partition("_")[0], address), set()).add(flag)
    well = {address for address in zones if flags.get((_PLAIN, address)) == {"healthy"}}
    return {zones[address] for address in well if flags.get((_HELD, address), set()) - {"healthy"}}


def look(stack: Stack) -> Counter[str]:
    """Return how many pods of the edge hold each cluster back. Raises UserError.

    A pod that runs and does not answer is an error: it may be the one that holds a cluster back.
    """
    if stack.failback != MANUAL:
        return Counter()
    return envoy_admin.repeated(lambda: _counted(stack))


def _counted(stack: Stack) -> Counter[str]:
    return Counter(cluster for pod in _pods(stack) for cluster in _held_by(stack, pod))


def _pods(stack: Stack) -> list[str]:
    which = (f"--selector={GATEWAY_SELECTOR}", "--field-selector=status.phase=Running")
    items: list[dict[str, Any]] = stack.get(EDGE, "pods", *_WHERE, *which)["items"]
    found = [item["metadata"] for item in items]
    return [each["name"] for each in found if not each.get("deletionTimestamp")]


def _held_by(stack: Stack, pod: str) -> set[str]:
    said = stack.kubectl(EDGE, *_WHERE, "exec", pod, "--", "/bin/bash", "-c", _LOOK)
    try:
        return held(envoy_admin.whole(said))
    except UserError as error:
        raise UserError(f"{EDGE}: {pod}: {error}") from None


def lines(stack: Stack, found: Counter[str]) -> list[str]:
    """Return what people are told of the clusters that are held back."""
    return [
        f"{cluster}: well, and held back by {count} {'pod' if count == 1 else 'pods'} of the edge;"
        f" bring it back: {project.task('failback', stack.name)}"
        for cluster, count in sorted(found.items())
    ]


def told(stack: Stack) -> list[str]:
    """Return what people are told of the clusters that are held back now, or why nobody knows."""
    try:
        return lines(stack, look(stack))
    except UserError as error:
        return [f"{error}; whether a cluster is held back is not known"]


def bring_back(stack: Stack, say: Say) -> None:
    """Bring back what is held back, by an update. Raises UserError where nothing ever is."""
    if stack.failback != MANUAL:
        raise UserError(
            f"Stack {stack.name} has failback {stack.failback}: its clusters return by themselves. "
            f"To bring them back by hand: ./demo pulumi config set failback {MANUAL}"
            f" --stack {stack.name} && ./demo up {stack.name}"
        )
    for line in told(stack) or ["No cluster is held back."]:
        say(line.partition(";")[0])
    update.up(stack, replace=TRIGGER)
    say("Requests go again as the weights say, to every cluster that is well.")
