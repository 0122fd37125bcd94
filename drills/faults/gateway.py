"""Faults of the regional gateways and of the edge."""

from __future__ import annotations

from drills.faults import deployments, fields, processes
from drills.faults.model import Fault, Kind, Layer, Moves, Strike
from drills.stack import GATEWAY, GATEWAY_SELECTOR
from foundation.errors import UserError


def _gone(strike: Strike) -> None:
    deployments.scale_to_zero(strike, GATEWAY, GATEWAY_SELECTOR)


def _size(strike: Strike) -> dict[str, str]:
    return fields.remember(strike, deployments.replicas(GATEWAY))


def _restore(strike: Strike) -> None:
    deployments.restore(strike, GATEWAY)


def _gone_seen(strike: Strike) -> bool:
    return deployments.is_gone(strike, GATEWAY)


def _envoys(strike: Strike) -> list[int]:
    pids = processes.envoys(strike)
    if not pids:
        raise UserError(f"{strike.cluster}: no process of the gateway runs that could be struck")
    return pids


def _kill_one(strike: Strike) -> None:
    if strike.stack.is_local:
        processes.kill(_envoys(strike)[:1])
    else:
        deployments.delete_one_pod(strike, GATEWAY.namespace, GATEWAY_SELECTOR)


def _wait(strike: Strike) -> None:
    deployments.wait_ready(strike, GATEWAY)


def _restart(strike: Strike) -> None:
    deployments.restart(strike, GATEWAY)


def _unrestarted(strike: Strike) -> dict[str, str]:
    return fields.remember(strike, deployments.restarted(GATEWAY))


def _roll_back(strike: Strike) -> None:
    deployments.roll_back(strike, GATEWAY)


def _restarted(strike: Strike) -> bool:
    return deployments.is_restarted(strike, GATEWAY)


def _freeze(strike: Strike) -> None:
    processes.freeze(_envoys(strike), f"the gateway of {strike.cluster}")


def _thaw(strike: Strike) -> None:
    what = f"the gateway of {strike.cluster}"
    processes.thaw(lambda: processes.envoys(strike), what)
    deployments.wait_ready(strike, GATEWAY)


def _frozen(strike: Strike) -> bool:
    return processes.is_frozen(processes.envoys(strike))


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
