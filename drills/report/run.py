"""A run as reports need it: read once from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from drills.report.series import Series, series
from drills.traffic import Event, EventKind, Header, Sample, record
from drills.traffic.accounts import ledger_of
from drills.traffic.ending import cut_short
from drills.traffic.ledger import Ledger

UNEXPECTED = "unexpected"
"""Name of notes that say what did not come as predicted."""


@dataclass(frozen=True)
class Run:
    """A record, its ledger, and its requests over time."""

    header: Header
    ledger: Ledger
    events: list[Event]
    """In order of time."""
    series: Series

    @property
    def headline(self) -> str:
        """What came of it, in a few words."""
        total = self.ledger.total
        if not total.sent:
            return "No request was sent"
        if not total.lost:
            return f"No request was lost, of {total.sent:,}"
        return f"{total.lost:,} of {total.sent:,} requests were lost"

    @property
    def missed(self) -> list[str]:
        """The objectives that were missed, each in a few words."""
        missed = [
            f"{check.name} {check.measured} (objective {check.promised})"
            for check in self.ledger.checks
            if not check.met
        ]
        return missed + self.unexpected

    @property
    def verdict(self) -> str:
        """What came of the objectives, and which lost requests none of them covers, and why."""
        if self.cut:
            return f"Ended before its time, {self.cut}: no objective is judged."
        if self.missed:
            return f"Missed: {'; '.join(self.missed)}."
        words = ["All objectives were met."]
        if apart := self.ledger.uncovered:
            many = "requests were" if apart > 1 else "request was"
            words.append(
                f"{apart:,} lost {many} of a method that may not be repeated, without an"
                " Idempotency-Key, which no objective covers: a proxy that sent one again might"
                " execute an order twice."
            )
        if self.ledger.promised.lost:
            allowed = self.ledger.objectives.lost
            many = "any number of" if allowed is None else f"{allowed:,}"
            words.append(f"The objective allows {many} lost requests.")
        return " ".join(words)

    @property
    def cut(self) -> str:
        """Where a drill ended before its time, and why; empty if it came to its end."""
        return cut_short(self.header, self.events)

    @property
    def unexpected(self) -> list[str]:
        """What did not come as it was predicted: the texts of notes called UNEXPECTED."""
        return [e.text for e in self.events if (e.kind, e.name) == (EventKind.NOTE, UNEXPECTED)]

    def seconds(self, moment: float) -> str:
        """Return a moment as seconds since the first request was due."""
        return f"{moment - self.series.start:.3f}"


def load(path: Path) -> Run:
    """Read the record at `path`, or in that folder. Raises record.RecordError."""
    header = record.header(path)
    events = sorted(record.each(path, Event), key=lambda event: event.at)
    ledger = ledger_of(path)
    over_time = series(
        record.each(path, Sample),
        ledger.started or header.started,
        ledger.ended or header.started,
        header.plan.uncounted if header.plan else (),
    )
    return Run(header, ledger, events, over_time)


def expectations(run: Run) -> list[str]:
    """Return what was predicted beforehand: the texts of notes called `expected`."""
    return [e.text for e in run.events if e.kind is EventKind.NOTE and e.name == "expected"]
