"""Faults of the regional gateways and of the edge."""

from __future__ import annotations

from drills.faults import deployments, processes
from drills.faults.deployments import gateway, ready
from drills.faults.model import Fault, Kind, Layer, Moves, Strike, either
from foundation.errors import UserError


def _envoys(strike: Strike) -> list[int]:
    pids = processes.envoys(strike)
    if not pids:
        raise UserError(f"{strike.cluster}: no process of the gateway runs that could be struck")
    return pids


_ONE_KILLED = either(
    local=processes.killed(lambda strike: _envoys(strike)[:1], ready(gateway)),
    elsewhere=deployments.pod_deleted(gateway),
)

IN_FLIGHT = 5
"""What a pod of the edge may be answering when it is killed, at 100 requests a second. The clients'
connections end in it, so those requests cannot be sent again but by the clients (measured: 2)."""

FAULTS = (
    Fault(
        "gateway-gone",
        Layer.GATEWAY,
        Kind.REFUSES,
        "Scales the cluster's gateway to no pods: nobody gets in any more.",
        deployments.scaled_to_zero(gateway),
    ),
    Fault(
        "gateway-killed",
        Layer.GATEWAY,
        Kind.REFUSES,
        "Kills one pod of the gateway, without a word to anybody.",
        _ONE_KILLED,
        moves=Moves.SOME,
    ),
    Fault(
        "gateway-restart",
        Layer.GATEWAY,
        Kind.REFUSES,
        "Replaces every pod of the gateway, one after the other, and rolls back.",
        deployments.rolled(gateway),
        moves=Moves.SOME,
    ),
    Fault(
        "gateway-hangs",
        Layer.GATEWAY,
        Kind.HANGS,
        "Stops the processes of the gateway: it accepts connections and never answers.",
        processes.frozen(_envoys, processes.envoys, ready(gateway)),
    ),
    Fault(
        "edge-killed",
        Layer.GATEWAY,
        Kind.REFUSES,
        "Kills one pod of the edge, without a word to anybody.",
        _ONE_KILLED,
        moves=Moves.NONE,
        edge=True,
        in_flight=IN_FLIGHT,
    ),
    Fault(
        "edge-restart",
        Layer.GATEWAY,
        Kind.REFUSES,
        "Replaces every pod of the edge, and rolls back.",
        deployments.rolled(gateway),
        moves=Moves.NONE,
        edge=True,
    ),
)
"""All of this layer, in the order of a talk."""
