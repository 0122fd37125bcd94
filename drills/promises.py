"""What is promised of a drill, and the header of its run, which says so."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

from drills.faults import Fault, Load, Moves
from drills.stack import Stack
from drills.traffic import Header, Objectives, provenance
from foundation import project

HERD = 0.5
"""Of its former rate, what a cluster may get in the first second of a ramped return: the first step
is a tenth, and pods of the edge may be a moment apart."""

SHORTEST_RAMP = 8.0
"""Seconds of a ramp whose second step is surely not in the first second."""


def objectives(stack: Stack, fault: Fault, load: Load | None = None) -> Objectives:
    """Return what is promised while a fault is in force, and of the return after its fix."""
    found = fault.objectives_at(stack)
    if load:
        found = dataclasses.replace(found, goodput=load.goodput)
    ramped = stack.failback == "ramped" and fault.moves is Moves.ALL and not fault.edge
    herd = HERD if ramped and not fault.update and stack.ramp >= SHORTEST_RAMP else None
    return dataclasses.replace(found, herd=herd)


def header_of(
    stack: Stack, fault: Fault, cluster: str, load: Load | None, is_own: bool = False
) -> tuple[Path, Header]:
    """Return the folder of a drill that begins now, and the header of its record.

    `is_own` says that its requests are the user's, which take as long as his application does; a
    load has the portal's.
    """
    promised = objectives(stack, fault, load)
    promised = dataclasses.replace(promised, beyond_usual=is_own and load is None)
    now = time.time()
    name = provenance.run_id(f"{fault.name}-{stack.mode}", now)
    header = Header(
        run=name,
        started=now,
        title=f"{fault.name} in {cluster}, {stack.mode}",
        fault=fault.name,
        stack=stack.name,
        config_digest=provenance.config_digest(stack.name, stack.changes),
        objectives=promised,
        serving=stack.serving,
        portal_logs=True,
        environment=provenance.described() | {"lbMode": stack.mode, "layer": str(fault.layer)},
    )
    return project.ROOT / "reports" / name, header
