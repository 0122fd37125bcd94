"""Faults of a whole cluster."""

from __future__ import annotations

from drills.faults import deployments, nodes
from drills.faults.model import Fault, Kind, Layer, Means, Moves, Strike
from drills.stack import GATEWAY_WORKLOAD
from drills.waiting import until
from localkube import machine
from localkube.machine import Supervisor
from toolchain import patience

CONTROL_PLANE = ("kube-controller-manager", "kube-scheduler", "kube-apiserver", "etcd")
"""Programs of the first node that are stopped, in this order, and started in the other."""

READY_SECONDS = 120
"""How long an API server may take to answer again."""


def _power_off(strike: Strike) -> None:
    machine.stop(strike.spec)
    what = f"{strike.cluster} has lost its power"
    until(lambda: not any(machine.has_power(node) for node in strike.spec.members), what, 20)


def _power_on(strike: Strike) -> None:
    if _has_no_power(strike):
        machine.start(strike.spec)
    if not nodes.is_drained(strike):  # that is another fault, with a fix of its own
        nodes.wait_ready(strike)


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
        limit = patience.of_waits(READY_SECONDS)
        strike.kubectl("wait", over, limit, f"pod/{name}", *where, seconds=READY_SECONDS + 10)
    finally:
        strike.kubectl(*remove)


def _control_is_off(strike: Strike) -> bool:
    node = _node(strike)
    states = node.states() if node else {}
    return any(states.get(name, {}).get("statename") == "STOPPED" for name in CONTROL_PLANE)


def _shut_down(strike: Strike) -> None:
    if not _has_no_power(strike):
        nodes.drain(strike)
        _power_off(strike)


def _start_up(strike: Strike) -> None:
    machine.start(strike.spec)
    nodes.undrain(strike)


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
            nodes.drain,
            nodes.undrain,
            seen=nodes.is_drained,
            arm=nodes.cordoned(nodes.drain),
            remember=nodes.still_open,
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
            arm=nodes.cordoned(_shut_down),
            remember=nodes.still_open,
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
