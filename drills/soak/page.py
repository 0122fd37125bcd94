"""The report of a soak, as Markdown."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from drills.report.matrix_page import Row, Verdict, of_lost
from drills.report.text import table
from drills.soak.resources import TOLERANCES, Sample, grown, shown


@dataclass(frozen=True)
class Done:
    """One event: a fault that struck, was mended and was scored.

    It holds no ledger: over hours the soak itself would grow.
    """

    at: float
    """Seconds since the beginning."""
    took: float
    fault: str
    cluster: str
    verdict: Verdict
    text: str
    folder: str
    sent: int
    lost: int
    uncovered: int
    """How many of the lost requests no objective covers."""

    @staticmethod
    def of(row: Row, cluster: str, at: float, took: float) -> Done:
        """Return what is kept of a drill's row."""
        # an error has no figures but its reason; a reason beside figures is what was missed
        text = f"{row.figures} ({row.reason})" if row.reason and row.ledger else row.figures
        ledger = row.ledger
        counts = (ledger.total.sent, ledger.total.lost, ledger.uncovered) if ledger else (0, 0, 0)
        return Done(at, took, row.drill, cluster, row.verdict, text, row.folder, *counts)


@dataclass
class Record:
    """All that a soak has seen until now."""

    stack: str
    seed: int
    command: str
    """What repeats it."""
    began: float
    """Seconds since the epoch."""
    ran: float = 0.0
    events: list[Done] = field(default_factory=list)
    samples: list[tuple[float, str, Sample]] = field(default_factory=list)
    """Second, after what, and what was held then."""
    begin: Sample | None = None
    end: Sample | None = None
    is_local: bool = True
    interrupted: bool = False
    under_way: str = ""
    """The event that has begun and is not over, in words; healed, if it was interrupted."""
    left: list[str] = field(default_factory=list)
    """What is in force still, a fault each; empty if everything is healed."""

    @property
    def broken(self) -> list[str]:
        """Return what was promised and not kept, what grew, and what is not healed, a line each."""
        found = [
            f"Event {number}, {done.fault} in {done.cluster}: {done.verdict}: {done.text}"
            for number, done in enumerate(self.events, 1)
            if done.verdict is not Verdict.MET
        ]
        if self.begin and self.end:
            found += [f"{text[0].upper()}{text[1:]}" for text in grown(self.begin, self.end)]
        return found + [f"Not healed: {text}" for text in self.left]

    @property
    def headline(self) -> str:
        """Return what came of it, in a few words."""
        met = sum(done.verdict is Verdict.MET for done in self.events)
        sent = sum(done.sent for done in self.events)
        apart = sum(done.uncovered for done in self.events)
        lost: Counter[str] = Counter()
        for done in self.events:
            lost[done.fault] += done.lost
        where = [f"{count:,} in {fault}" for fault, count in lost.most_common() if count]
        words = (
            f"{met} of {len(self.events)} events met their objectives; "
            f"{of_lost(lost.total(), sent, apart)}" + (f": {', '.join(where)}" if where else "")
        )
        if not self.interrupted:
            return words
        during = f" during {self.under_way}" if self.under_way else ""
        return f"Interrupted{during}. {words}"


def markdown(record: Record) -> str:
    """Return the report."""
    began = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(record.began))
    lines = [f"# Soak of stack {record.stack}", "", f"**{record.headline}.**", ""]
    lines += [f"- {text}" for text in record.broken]
    lines += [
        f"- Began: {began}; ran for {record.ran / 60:.1f} minutes",
        f"- Seed: {record.seed}; again with: `{record.command}`",
        "- Traffic and streams run during each event, from its baseline to its failback, not"
        " between events",
        "",
        "## Events",
        "",
    ]
    heads = ("event", "second", "fault", "cluster", "took s", "verdict", "figures", "report")
    lines += table(heads, [_line(n, done) for n, done in enumerate(record.events, 1)])
    lines += ["", "## Resources", "", *_resources(record)]
    return "\n".join(lines) + "\n"


def _line(number: int, done: Done) -> Sequence[str]:
    link = f"[report]({done.folder}/report.md)" if done.folder else ""
    verdict = done.verdict if done.verdict is Verdict.MET else f"**{done.verdict}**"
    text = " ".join(done.text.split())
    figures = (f"{done.at:.0f}", done.fault, done.cluster, f"{done.took:.0f}", verdict, text, link)
    return (str(number), *figures)


def _resources(record: Record) -> list[str]:
    if not record.is_local:
        return ["Left out: the clusters do not run on this machine."]
    lines = [
        "Of all processes of the lab, control planes and pods alike, and of the soak itself.",
        "",
    ]
    if record.begin and record.end:
        lines += table(
            ("figure", "beginning", "end", "tolerated", "why so much"),
            [
                (
                    each.name,
                    shown(each.name, was := getattr(record.begin, each.name)),
                    shown(each.name, getattr(record.end, each.name)),
                    shown(each.name, each.most(was)),
                    each.reason,
                )
                for each in TOLERANCES
            ],
        )
        lines.append("")
        lines.append("The beginning is after the first event, which warms the lab up.")
    else:
        lines.append("Beginning and end are not compared: the soak ended before its time.")
    if unread := max((s.unread for _, _, s in record.samples), default=0):
        lines.append(f"Of up to {unread} processes this user may not see the open files.")
    names = [each.name for each in TOLERANCES]
    lines += ["", "Over time, each as soon as the event was over:", ""]
    lines += table(
        ("second", "after", *names),
        [
            (f"{at:.0f}", after, *(shown(name, getattr(found, name)) for name in names))
            for at, after, found in record.samples
        ],
    )
    return lines
