"""Faults of a whole cluster."""

from __future__ import annotations

import contextlib
from typing import Any

from drills.faults import deployments, fields
from drills.faults.fields import Field
from drills.faults.model import Fault, Kind, Layer, Moves, Place
from drills.site import GATEWAY, until
from localkube import cluster as embedded
from localkube.node import config_file
from localkube.supervision import find
from localkube.supervisor import Supervisor
from toolchain.errors import UserError

CONTROL_PLANE = ("kube-controller-manager", "kube-scheduler", "kube-apiserver", "etcd")
"""Programs of the first node that are stopped, in this order, and started in the other."""

READY_SECONDS = 120
"""How long an API server may take to answer again."""


def _ready(place: Place) -> None:
    """Waits until the application and the gateway have all their pods."""
    deployments.wait_ready(place, place.site.application.workload)
    deployments.wait_ready(place, GATEWAY)


def _power_off(place: Place) -> None:
    embedded.stop(place.spec)
    what = f"{place.cluster} has lost its power"
    until(lambda: not any(embedded.has_power(node) for node in place.spec.members), what, 20)


def _power_on(place: Place) -> None:
    if _has_no_power(place):
        embedded.start(place.spec)
    if not _is_drained(place):  # that is another fault, with a fix of its own
        _ready(place)


def _has_no_power(place: Place) -> bool:
    return not all(embedded.has_power(node) for node in place.spec.members)


def _node(place: Place) -> Supervisor | None:
    """What runs the programs of the first node; None without power."""
    pid = find(config_file(place.spec.members[0]))
    return None if pid is None else Supervisor(pid)


def _control_off(place: Place) -> None:
    if node := _node(place):
        for program in CONTROL_PLANE:
            node.stop(program)


def _control_on(place: Place) -> None:
    if node := _node(place):
        for program in reversed(CONTROL_PLANE):
            node.start(program)

    def answers() -> bool:
        return place.kubectl("get", "--raw", "/readyz", seconds=5).strip() == "ok"

    until(answers, f"the API server of {place.cluster} answers", READY_SECONDS, pause=0.5)
    run_a_pod(place)


def run_a_pod(place: Place) -> None:
    """Waits until a new pod runs to its end: until then kubelets may not have found back.

    They ask a lost API server again after up to half a minute, and do nothing new meanwhile.
    """
    name, namespace = "control-plane-check", GATEWAY.namespace
    where = ("--namespace", namespace)
    image = deployments.read(place, GATEWAY)["spec"]["template"]["spec"]["containers"][0]["image"]
    remove = ("delete", "pod", name, *where, "--ignore-not-found", "--grace-period=0", "--force")
    place.kubectl(*remove)
    try:
        command = ("--restart=Never", "--command", "--", "/bin/bash", "-c", "true")
        place.kubectl("run", name, *where, f"--image={image}", *command)
        over = "--for=jsonpath={.status.phase}=Succeeded"
        limit = f"--timeout={READY_SECONDS}s"
        place.kubectl("wait", over, limit, f"pod/{name}", *where, seconds=READY_SECONDS + 10)
    finally:
        place.kubectl(*remove)


def _control_is_off(place: Place) -> bool:
    node = _node(place)
    states = node.states() if node else {}
    return any(states.get(name, {}).get("statename") == "STOPPED" for name in CONTROL_PLANE)


def _nodes(place: Place) -> list[str]:
    items = place.site.get(place.cluster, "nodes")["items"]
    return [item["metadata"]["name"] for item in items]


def _closed(node: str) -> Field:
    """What `kubectl cordon` sets."""
    return Field("Node", "", node, ("spec", "unschedulable"), is_added=True)


def _cordon(place: Place) -> None:
    for node in place.memory.get("nodes", "").split():
        fields.put(place, _closed(node), True)


def _drain(place: Place) -> None:
    """Ends every pod of the cordoned nodes, as `kubectl drain --disable-eviction` does.

    Eviction would wait for ever: a disruption budget keeps one gateway pod, and with every node
    drained there is no place for another.
    """
    pods = place.site.ask(place.cluster, "GET", "/api/v1/pods")["items"]
    ending = [pod["metadata"] for pod in pods if _comes_back(pod)]
    for pod in ending:
        path = f"/api/v1/namespaces/{pod['namespace']}/pods/{pod['name']}"
        with contextlib.suppress(UserError):  # it has gone by itself; if not, `are_gone` tells
            place.site.ask(place.cluster, "DELETE", path)
    names = {pod["uid"] for pod in ending}

    def are_gone() -> bool:
        left = place.site.ask(place.cluster, "GET", "/api/v1/pods")["items"]
        return not names & {pod["metadata"]["uid"] for pod in left}

    what = f"the pods of {place.cluster} have ended"
    until(are_gone, what, deployments.GONE_SECONDS, pause=0.5)


def _comes_back(pod: dict[str, Any]) -> bool:
    """Whether a controller makes the pod anew, on any node."""
    owners = pod["metadata"].get("ownerReferences", [])
    return any(owner["kind"] not in ("DaemonSet", "Node") for owner in owners)


def _open_nodes(place: Place) -> dict[str, str]:
    """Remembers which nodes took pods: those that their owner has cordoned stay so."""
    items = place.site.get(place.cluster, "nodes")["items"]
    names = [i["metadata"]["name"] for i in items if not i["spec"].get("unschedulable")]
    return {"nodes": " ".join(names)}


def _undrain(place: Place) -> None:
    nodes = _nodes(place)
    ours = [node for node in nodes if fields.is_put(place, _closed(node))]
    for node in ours:
        fields.give_back(place, _closed(node))
    if not ours and not place.memory and _is_drained(place):  # by hand
        place.kubectl("uncordon", *nodes)
    _ready(place)


def _is_drained(place: Place) -> bool:
    items = place.site.get(place.cluster, "nodes")["items"]
    return all(item["spec"].get("unschedulable") for item in items)


def _shut_down(place: Place) -> None:
    if not _has_no_power(place):
        _drain(place)
        _power_off(place)


def _start_up(place: Place) -> None:
    embedded.start(place.spec)
    _undrain(place)


FAULTS = (
    Fault(
        "control-plane-gone",
        Layer.CLUSTER,
        Kind.CONTROL,
        "Stops the API server, etcd, controllers and scheduler; pods and their traffic live on.",
        _control_off,
        _control_on,
        moves=Moves.NONE,
        machine="the control plane's processes are stopped",
        seen=_control_is_off,
    ),
    Fault(
        "node-drain",
        Layer.CLUSTER,
        Kind.REFUSES,
        "Drains every node of the cluster, as an upgrade of the region does.",
        _drain,
        _undrain,
        seen=_is_drained,
        prepare=_cordon,
        remember=_open_nodes,
    ),
    Fault(
        "cluster-stopped",
        Layer.CLUSTER,
        Kind.REFUSES,
        "Drains the cluster, shuts its nodes down in order, and starts them again.",
        _shut_down,
        _start_up,
        prepare=_cordon,
        remember=_open_nodes,
        machine="the nodes are shut down",
    ),
    Fault(
        "cluster-power",
        Layer.CLUSTER,
        Kind.HANGS,
        "Takes the power from every node of the cluster at once.",
        _power_off,
        _power_on,
        machine="the nodes' first processes are killed",
        seen=_has_no_power,
    ),
)
"""All of this layer, in the order of a talk."""
