"""The ledger of a record on disk, however long it is: samples are read one by one."""

from __future__ import annotations

from pathlib import Path

from drills.traffic import record
from drills.traffic.ledger import Ledger, ledger
from drills.traffic.model import Event, Execution, Objectives, Sample, StreamEntry


def ledger_of(path: Path, objectives: Objectives | None = None) -> Ledger:
    """Return the ledger of the record at `path`, or in that folder. Raises RecordError.

    `objectives` are the header's, unless others are given.
    """
    header, entries = record.entries(path, samples=False)
    others = list(entries)
    executions = [entry for entry in others if isinstance(entry, Execution)]
    _, entries = record.entries(path)
    return ledger(
        (entry for entry in entries if isinstance(entry, Sample)),
        [entry for entry in others if isinstance(entry, Event)],
        objectives or header.objectives,
        executions=executions if header.portal_logs else None,
        serving=header.serving,
        streams=(entry for entry in others if isinstance(entry, StreamEntry)),
        uncounted=header.plan.uncounted if header.plan else (),
    )
