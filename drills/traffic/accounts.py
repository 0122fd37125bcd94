"""The ledger of a record on disk, however long it is: entries are read one by one."""

from __future__ import annotations

from pathlib import Path

from drills.traffic import record
from drills.traffic.ending import cut_short
from drills.traffic.ledger import Ledger, ledger
from drills.traffic.model import Event, Execution, Objectives, Sample, StreamEntry


def ledger_of(path: Path, objectives: Objectives | None = None) -> Ledger:
    """Return the ledger of the record at `path`, or in that folder. Raises RecordError.

    `objectives` are the header's, unless others are given.
    """
    header = record.header(path)
    events = list(record.each(path, Event))
    return ledger(
        record.each(path, Sample),
        events,
        objectives or header.objectives,
        executions=record.each(path, Execution) if header.portal_logs else None,
        serving=header.serving,
        streams=record.each(path, StreamEntry),
        uncounted=header.plan.uncounted if header.plan else (),
        cut=cut_short(header, events),
    )
