"""Nodes are cordoned, drained and opened again."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from drills import rollout
from drills.application import ROLLED_OUT, Workload
from drills.faults import deployments, fields
from drills.faults.fields import Field
from drills.faults.model import Strike, Trigger
from drills.stack import GATEWAY_WORKLOAD
from drills.waiting import until
from foundation.errors import UserError


def _nodes(strike: Strike) -> dict[str, bool]:
    """Return each node, and whether it takes no pods."""
    items = strike.stack.get(strike.cluster, "nodes")["items"]
    return {item["metadata"]["name"]: bool(item["spec"].get("unschedulable")) for item in items}


def _closed(node: str) -> Field:
    """Return what `kubectl cordon` sets."""
    return Field("Node", "", node, ("spec", "unschedulable"), is_added=True)


def _cordon(strike: Strike) -> None:
    for node in strike.memory.get("nodes", "").split():
        fields.put(strike, _closed(node), True)


def cordoned(
    break_: Callable[[Strike], None],
) -> Callable[[Strike], AbstractContextManager[Trigger]]:
    """Return what cordons the nodes and leaves the rest to `break_`."""

    @contextlib.contextmanager
    def armed(strike: Strike) -> Iterator[Trigger]:
        if not strike.stack.is_local:
            _workloads(strike)  # to read the state takes a second, in which nothing is broken yet
        _cordon(strike)
        yield functools.partial(break_, strike)

    return armed


def drain(strike: Strike) -> None:
    """End every pod of the cordoned nodes, as `kubectl drain --disable-eviction` does.

    Eviction would wait for ever: a disruption budget keeps one gateway pod, and with every node
    drained there is no place for another. In a cluster of others, pods of the stack's own workloads
    alone.
    """
    stack = strike.stack
    own = [] if stack.is_local else _workloads(strike)
    pods = [
        pod
        for pod in stack.objects.ask(strike.cluster, "GET", "/api/v1/pods")["items"]
        if stack.is_local or any(rollout.is_of(pod, workload) for workload in own)
    ]
    ending = [pod["metadata"] for pod in pods if _comes_back(pod)]
    for pod in ending:
        path = f"/api/v1/namespaces/{pod['namespace']}/pods/{pod['name']}"
        with contextlib.suppress(UserError):  # it has gone by itself; if not, `are_gone` tells
            strike.stack.objects.ask(strike.cluster, "DELETE", path)
    names = {pod["uid"] for pod in ending}

    def are_gone() -> bool:
        left = strike.stack.objects.ask(strike.cluster, "GET", "/api/v1/pods")["items"]
        return not names & {pod["metadata"]["uid"] for pod in left}

    what = f"the pods of {strike.cluster} have ended"
    until(are_gone, what, deployments.GONE_SECONDS, pause=0.5)


def _workloads(strike: Strike) -> list[Workload]:
    """Return the workloads that the stack has made in the struck cluster. Raises UserError."""
    here = [each.identity for each in strike.stack.stack_objects if each.cluster == strike.cluster]
    return [Workload(one.kind, one.namespace, one.name) for one in here if one.kind in ROLLED_OUT]


def _comes_back(pod: dict[str, Any]) -> bool:
    """Check whether a controller makes the pod anew, on any node."""
    owners = pod["metadata"].get("ownerReferences", [])
    return any(owner["kind"] not in ("DaemonSet", "Node") for owner in owners)


def still_open(strike: Strike) -> dict[str, str]:
    """Remember which nodes took pods: those that their owner has cordoned stay so."""
    return {"nodes": " ".join(name for name, closed in _nodes(strike).items() if not closed)}


def undrain(strike: Strike) -> None:
    """Open the nodes that a drill has cordoned, and wait for all pods."""
    closed = _nodes(strike)
    ours = [node for node in closed if fields.is_put(strike, _closed(node))]
    for node in ours:
        fields.give_back(strike, _closed(node))
    if strike.stack.is_local and not ours and not strike.memory and is_drained(strike):  # by hand
        strike.kubectl("uncordon", *closed)
    wait_ready(strike)


def is_drained(strike: Strike) -> bool:
    """Check whether no node takes pods; in a cluster of others, by what a drill has set alone."""
    nodes = _nodes(strike)
    if not strike.stack.is_local:
        return any(fields.is_put(strike, _closed(node)) for node in nodes)
    return all(nodes.values())


def wait_ready(strike: Strike) -> None:
    """Wait until the application and the gateway have all their pods."""
    for workload in (strike.stack.application.workload, GATEWAY_WORKLOAD):
        rollout.wait_ready(strike.stack, strike.cluster, workload)
