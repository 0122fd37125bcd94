"""Faults of the regional gateways and of the edge."""

from __future__ import annotations

from drills.faults import deployments, fields, processes
from drills.faults.model import Fault, Kind, Layer, Moves, Place
from drills.site import GATEWAY, GATEWAY_SELECTOR
from toolchain.errors import UserError


def _gone(place: Place) -> None:
    deployments.scale_to_zero(place, GATEWAY, GATEWAY_SELECTOR)


def _size(place: Place) -> dict[str, str]:
    return fields.remember(place, deployments.replicas(GATEWAY))


def _restore(place: Place) -> None:
    deployments.restore(place, GATEWAY)


def _gone_seen(place: Place) -> bool:
    return deployments.is_gone(place, GATEWAY)


def _envoys(place: Place) -> list[int]:
    pids = processes.envoys(place)
    if not pids:
        raise UserError(f"{place.cluster}: no process of the gateway runs that could be struck")
    return pids


def _kill_one(place: Place) -> None:
    if place.site.is_local:
        processes.kill(_envoys(place)[:1])
    else:
        deployments.delete_one_pod(place, GATEWAY.namespace, GATEWAY_SELECTOR)


def _wait(place: Place) -> None:
    deployments.wait_ready(place, GATEWAY)


def _restart(place: Place) -> None:
    deployments.restart(place, GATEWAY)


def _unrestarted(place: Place) -> dict[str, str]:
    return fields.remember(place, deployments.restarted(GATEWAY))


def _roll_back(place: Place) -> None:
    deployments.roll_back(place, GATEWAY)


def _restarted(place: Place) -> bool:
    return deployments.is_restarted(place, GATEWAY)


def _freeze(place: Place) -> None:
    processes.freeze(_envoys(place), f"the gateway of {place.cluster}")


def _thaw(place: Place) -> None:
    what = f"the gateway of {place.cluster}"
    processes.thaw(lambda: processes.envoys(place), what)
    deployments.wait_ready(place, GATEWAY)


def _frozen(place: Place) -> bool:
    return processes.is_frozen(processes.envoys(place))


IN_FLIGHT = 5
"""What a pod of the edge may be answering when it is killed, at 100 requests a second. The clients'
connections end in it, so those requests cannot be sent again but by the clients (measured: 2)."""

FAULTS = (
    Fault(
        "gateway-gone",
        Layer.GATEWAY,
        Kind.REFUSES,
        "Scales the cluster's gateway to no pods: nobody gets in any more.",
        _gone,
        _restore,
        seen=_gone_seen,
        remember=_size,
    ),
    Fault(
        "gateway-killed",
        Layer.GATEWAY,
        Kind.REFUSES,
        "Kills one pod of the gateway, without a word to anybody.",
        _kill_one,
        _wait,
        moves=Moves.SOME,
    ),
    Fault(
        "gateway-restart",
        Layer.GATEWAY,
        Kind.REFUSES,
        "Replaces every pod of the gateway, one after the other, and rolls back.",
        _restart,
        _roll_back,
        moves=Moves.SOME,
        seen=_restarted,
        remember=_unrestarted,
    ),
    Fault(
        "gateway-hangs",
        Layer.GATEWAY,
        Kind.HANGS,
        "Stops the processes of the gateway: it accepts connections and never answers.",
        _freeze,
        _thaw,
        machine="the gateway's processes are stopped by a signal",
        seen=_frozen,
    ),
    Fault(
        "edge-killed",
        Layer.GATEWAY,
        Kind.REFUSES,
        "Kills one pod of the edge, without a word to anybody.",
        _kill_one,
        _wait,
        moves=Moves.NONE,
        edge=True,
        in_flight=IN_FLIGHT,
    ),
    Fault(
        "edge-restart",
        Layer.GATEWAY,
        Kind.REFUSES,
        "Replaces every pod of the edge, and rolls back.",
        _restart,
        _roll_back,
        moves=Moves.NONE,
        edge=True,
        seen=_restarted,
        remember=_unrestarted,
    ),
)
"""All of this layer, in the order of a talk."""
