"""The catalogue of faults."""

from __future__ import annotations

from collections.abc import Sequence

from drills.faults import cluster, gateway, infrastructure, operation, overload, workload
from drills.faults.model import Fault, Kind, Layer, Load, Means, Moves, Strike
from foundation.errors import UserError, did_you_mean

FAULTS: tuple[Fault, ...] = (
    *workload.FAULTS,
    *overload.FAULTS,
    *gateway.FAULTS,
    *cluster.FAULTS,
    *infrastructure.FAULTS,
    *operation.FAULTS,
)
"""All faults, from the inside out."""

KNOWN: tuple[Fault, ...] = (*FAULTS, operation.OTHER_SETTINGS)
"""All that can be written down and has to be mended."""

__all__ = ["FAULTS", "KNOWN", "Fault", "Kind", "Layer", "Load", "Means", "Moves", "Strike", "named"]


def named(name: str, faults: Sequence[Fault] = FAULTS) -> Fault:
    """Return the one of `faults` that has this name.

    Raises UserError that names the nearest one.
    """
    for fault in faults:
        if fault.name == name:
            return fault
    near = did_you_mean(name, [fault.name for fault in FAULTS])
    raise UserError(f"There is no fault {name!r}{near}; all of them: ./demo task drill:list")
