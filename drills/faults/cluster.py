"""Faults of a whole cluster."""

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
from drills.faults.model import Fault, Kind, Layer, Means, Moves, Strike, Trigger
from drills.stack import GATEWAY_WORKLOAD
from drills.waiting import until
from foundation.errors import UserError
from localkube import machine
from localkube.machine import Supervisor

CONTROL_PLANE = ("kube-controller-manager", "kube-scheduler", "kube-apiserver", "etcd")
"""Programs of the first node that are stopped, in this order, and started in the other."""

READY_SECONDS = 120
"""How long an API server may take to answer again."""


def _ready(strike: Strike) -> None:
    """Wait until the application and the gateway have all their pods."""
    for workload in (strike.stack.application.workload, GATEWAY_WORKLOAD):
        rollout.wait_ready(strike.stack, strike.cluster, workload)


def _power_off(strike: Strike) -> None:
    machine.stop(strike.spec)
    what = f"{strike.cluster} has lost its power"
    until(lambda: not any(machine.has_power(node) for node in strike.spec.members), what, 20)


def _power_on(strike: Strike) -> None:
    if _has_no_power(strike):
        machine.start(strike.spec)
    if not _is_drained(strike):  # that is another fault, with a fix of its own
        _ready(strike)


def _has_no_power(strike: Strike) -> bool:
    return not all(machine.has_power(node) for node in strike.spec.members)


def _node(strike: Strike) -> Supervisor | None:
    """Return what runs the programs of the first node; None without power."""
    return machine.supervisor(strike.spec.members[0])


def _control_off(strike: Strike) -> None:
    if node := _node(strike):
        for program in CONTROL_PLANE:
            node.stop(program)


def _control_on(strike: Strike) -> None:
    if node := _node(strike):
        for program in reversed(CONTROL_PLANE):
            node.start(program)

    def answers() -> bool:
        return strike.kubectl("get", "--raw", "/readyz", seconds=5).strip() == "ok"

    until(answers, f"the API server of {strike.cluster} answers", READY_SECONDS, pause=0.5)
    run_a_pod(strike)


def run_a_pod(strike: Strike) -> None:
    """Wait until a new pod runs to its end: until then kubelets may not have found back.

    They ask a lost API server again after up to half a minute, and do nothing new meanwhile.
    """
    name, namespace = "control-plane-check", GATEWAY_WORKLOAD.namespace
    where = ("--namespace", namespace)
    gateway = deployments.read(strike, GATEWAY_WORKLOAD)["spec"]["template"]["spec"]
    image = gateway["containers"][0]["image"]
    remove = ("delete", "pod", name, *where, "--ignore-not-found", "--grace-period=0", "--force")
    strike.kubectl(*remove)
    try:
        command = ("--restart=Never", "--command", "--", "/bin/bash", "-c", "true")
        strike.kubectl("run", name, *where, f"--image={image}", *command)
        over = "--for=jsonpath={.status.phase}=Succeeded"
        limit = f"--timeout={READY_SECONDS}s"
        strike.kubectl("wait", over, limit, f"pod/{name}", *where, seconds=READY_SECONDS + 10)
    finally:
        strike.kubectl(*remove)


def _control_is_off(strike: Strike) -> bool:
    node = _node(strike)
    states = node.states() if node else {}
    return any(states.get(name, {}).get("statename") == "STOPPED" for name in CONTROL_PLANE)


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


def _cordoned(
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


def _drain(strike: Strike) -> None:
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


def _open_nodes(strike: Strike) -> dict[str, str]:
    """Remember which nodes took pods: those that their owner has cordoned stay so."""
    return {"nodes": " ".join(name for name, closed in _nodes(strike).items() if not closed)}


def _undrain(strike: Strike) -> None:
    nodes = _nodes(strike)
    ours = [node for node in nodes if fields.is_put(strike, _closed(node))]
    for node in ours:
        fields.give_back(strike, _closed(node))
    if strike.stack.is_local and not ours and not strike.memory and _is_drained(strike):  # by hand
        strike.kubectl("uncordon", *nodes)
    _ready(strike)


def _is_drained(strike: Strike) -> bool:
    """Check whether no node takes pods; in a cluster of others, by what a drill has set alone."""
    nodes = _nodes(strike)
    if not strike.stack.is_local:
        return any(fields.is_put(strike, _closed(node)) for node in nodes)
    return all(nodes.values())


def _shut_down(strike: Strike) -> None:
    if not _has_no_power(strike):
        _drain(strike)
        _power_off(strike)


def _start_up(strike: Strike) -> None:
    machine.start(strike.spec)
    _undrain(strike)


FAULTS = (
    Fault(
        "control-plane-gone",
        Layer.CLUSTER,
        Kind.CONTROL,
        "Stops the API server, etcd, controllers and scheduler; pods and their traffic live on.",
        Means(
            "supervisord stops the control plane's processes",
            _control_off,
            _control_on,
            seen=_control_is_off,
            machine=True,
        ),
        moves=Moves.NONE,
    ),
    Fault(
        "node-drain",
        Layer.CLUSTER,
        Kind.REFUSES,
        "Drains every node of the cluster, as an upgrade of the region does.",
        Means(
            "the nodes are cordoned and their pods deleted",
            _drain,
            _undrain,
            seen=_is_drained,
            arm=_cordoned(_drain),
            remember=_open_nodes,
        ),
    ),
    Fault(
        "cluster-stopped",
        Layer.CLUSTER,
        Kind.REFUSES,
        "Drains the cluster, shuts its nodes down in order, and starts them again.",
        Means(
            "the nodes are drained and shut down",
            _shut_down,
            _start_up,
            arm=_cordoned(_shut_down),
            remember=_open_nodes,
            machine=True,
        ),
    ),
    Fault(
        "cluster-power",
        Layer.CLUSTER,
        Kind.HANGS,
        "Takes the power from every node of the cluster at once.",
        Means(
            "the nodes' first processes get SIGKILL",
            _power_off,
            _power_on,
            seen=_has_no_power,
            machine=True,
        ),
    ),
)
"""All of this layer, in the order of a talk."""
