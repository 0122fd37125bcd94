"""The catalogue of faults."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from drills.faults import cluster, gateway, infrastructure, operation, overload, workload
from drills.faults.model import Fault, Kind, Layer, Load, Moves, Strike
from foundation.errors import UserError

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

__all__ = ["FAULTS", "KNOWN", "Fault", "Kind", "Layer", "Load", "Moves", "Strike", "named"]


def named(name: str, faults: Sequence[Fault] = FAULTS) -> Fault:
    """Return the one of `faults` that has this name.

    Raises UserError that names the nearest one.
    """
    for fault in faults:
        if fault.name == name:
            return fault
    near = difflib.get_close_matches(name, [fault.name for fault in FAULTS], 1)
    hint = f"Did you mean {near[0]}?" if near else "All of them: ./demo task drill:list"
    raise UserError(f"There is no fault {name!r}. {hint}")
