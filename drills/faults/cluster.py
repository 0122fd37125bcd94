"""Faults of a whole cluster, and of the infrastructure between clusters."""

from __future__ import annotations

from drills.faults import deployments, network
from drills.faults.model import Fault, Kind, Layer, Moves, Place
from drills.site import EDGE, GATEWAY, PORTAL, until
from localkube import cluster as embedded
from localkube.node import config_file
from localkube.supervision import Supervisor, find

CONTROL_PLANE = ("kube-controller-manager", "kube-scheduler", "kube-apiserver", "etcd")
"""Programs of the first node that are stopped, in this order, and started in the other."""

READY_SECONDS = 120
LOSS = 0.05
"""Share of packets that one in twenty is."""


def _ready(place: Place) -> None:
    """Waits until both Deployments have all their pods."""
    deployments.wait_ready(place, PORTAL)
    deployments.wait_ready(place, GATEWAY)


def _power_off(place: Place) -> None:
    embedded.stop(place.spec)
    what = f"{place.cluster} has lost its power"
    until(lambda: not any(embedded.has_power(node) for node in place.spec.members), what, 20)


def _power_on(place: Place) -> None:
    if not all(embedded.has_power(node) for node in place.spec.members):
        embedded.start(place.spec)
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


def _control_is_off(place: Place) -> bool:
    node = _node(place)
    states = node.states() if node else {}
    return any(states.get(name, {}).get("statename") == "STOPPED" for name in CONTROL_PLANE)


def _nodes(place: Place) -> list[str]:
    items = place.site.get(place.cluster, "nodes")["items"]
    return [item["metadata"]["name"] for item in items]


def _drain(place: Place) -> None:
    options = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=90s")
    place.kubectl("drain", *_nodes(place), *options, seconds=100)


def _undrain(place: Place) -> None:
    place.kubectl("uncordon", *_nodes(place))
    _ready(place)


def _cut(place: Place) -> None:
    network.drop(place, "region-cut", place.site.clusters)


def _uncut(place: Place) -> None:
    network.mend(place, "region-cut")


def _cut_seen(place: Place) -> bool:
    return network.is_there(place, "region-cut")


def _cut_link(place: Place) -> None:
    others = [name for name in place.site.clusters if name != EDGE]
    network.drop(place, "link-cut", others)


def _uncut_link(place: Place) -> None:
    network.mend(place, "link-cut")


def _link_seen(place: Place) -> bool:
    return network.is_there(place, "link-cut")


def _lose(place: Place) -> None:
    network.drop(place, "packet-loss", place.site.clusters, LOSS)


def _lose_no_more(place: Place) -> None:
    network.mend(place, "packet-loss")


def _loss_seen(place: Place) -> bool:
    return network.is_there(place, "packet-loss")


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
    Fault(
        "region-cut",
        Layer.INFRASTRUCTURE,
        Kind.HANGS,
        "Cuts the cluster off from all others: packets vanish, nobody is told.",
        _cut,
        _uncut,
        machine="packets are dropped on the nodes",
        seen=_cut_seen,
    ),
    Fault(
        "link-cut",
        Layer.INFRASTRUCTURE,
        Kind.CONTROL,
        "Cuts the link between the regions: packets between their gateways vanish.",
        _cut_link,
        _uncut_link,
        moves=Moves.NONE,
        machine="packets are dropped on the nodes",
        seen=_link_seen,
    ),
    Fault(
        "packet-loss",
        Layer.INFRASTRUCTURE,
        Kind.HANGS,
        "One packet in twenty between the cluster and all others vanishes, each way.",
        _lose,
        _lose_no_more,
        moves=Moves.SOME,
        machine="packets are dropped on the nodes",
        seen=_loss_seen,
    ),
)
"""All of these layers, in the order of a talk."""
