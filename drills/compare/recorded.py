"""What the record of a comparison says of each lane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from drills.compare import figures
from drills.compare.balancers import DIRECT, OURS
from drills.compare.figures import Measured
from drills.compare.table import Comparison
from drills.traffic import record
from drills.traffic.executed import Executed
from toolchain import tools


def compare(
    folder: Path,
    measured: Mapping[str, Measured],
    versions: Mapping[str, str],
    skipped: Mapping[str, str],
    conditions: Sequence[str],
    whole: bool = True,
) -> Comparison:
    """Return what the record in a folder says of each lane. Raises record.RecordError.

    Of one that is not `whole`, a fault that was not mended is left out.
    """
    found = record.read(folder)
    assert found.header.plan
    lanes = [lane.name for lane in found.header.plan.lanes]
    samples = {name: [s for s in found.samples if s.lane == name] for name in lanes}
    executed = Executed(found.executions)
    span = figures.calm_span(found.events)
    costs = {n: figures.under_faults(samples[n], found.events, executed) for n in lanes}
    left_out = "" if whole else figures.unmended(found.events)
    faults = {
        part.name: {lane: cost[part.name] for lane, cost in costs.items()}
        for part in figures.parts(found.events, 0.0)
        if part.name != left_out
    }
    direct = samples.get(DIRECT, [])
    calm = {n: figures.calm(samples[n], span, direct, measured.get(n)) for n in lanes}
    own = {OURS: f"envoy {tools.version(tools.ENVOY)} (the running stack)"}
    cut = "" if whole else figures.cut_in(found.events)
    return Comparison(faults, calm, {**own, **versions}, skipped, conditions, cut)
