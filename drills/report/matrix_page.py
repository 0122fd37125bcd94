"""Many runs side by side: drills down the page, modes across it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from drills.report import text
from drills.report.markup import Child, e, table, whole, wide
from drills.traffic.ledger import Ledger
from drills.traffic.view import milliseconds


class Verdict(StrEnum):
    """What came of one drill in one mode."""

    MET = "met"
    MISSED = "missed"
    FAILED = "failed"
    """The drill itself could not be carried out."""
    UNAVAILABLE = "not available"


@dataclass(frozen=True)
class Row:
    """One drill in one mode."""

    layer: str
    """`workload`, `gateway`, `cluster`, `infrastructure` or `operation`."""
    drill: str
    mode: str
    verdict: Verdict
    reason: str = ""
    """Why it failed or is not available; what was missed."""
    ledger: Ledger | None = None
    folder: str = ""
    """The run's folder, relative to the matrix', for a link to its report."""

    @property
    def figures(self) -> str:
        """The figures that matter, in a few words."""
        if self.ledger is None:
            return self.reason
        part = self.ledger.promised
        moved = [i.seconds_to(i.all_moved) for i in self.ledger.incidents if i.should_move]
        known = [took for took in moved if took is not None]
        apart = self.ledger.uncovered
        note = f" ({apart:,} more that no objective covers)" if apart else ""
        words = [f"lost {part.lost:,}{note}", f"slowest {milliseconds(part.latency.max)} ms"]
        if known:
            words.append(f"moved {max(known):.2f} s")
        words += [f"{s.cut} {kind} cut" for kind, s in self.ledger.streams.items() if s.cut]
        words += [f"{n} lost {p.lost:,}" for n, p in self.ledger.beside.items()]
        return ", ".join(words)


def write_matrix(folder: Path, title: str, rows: Sequence[Row]) -> Path:
    """Write matrix.html, matrix.md and junit.xml into `folder`; return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "matrix.md").write_text(_markdown(title, rows))
    (folder / "junit.xml").write_text(_junit(title, rows))
    file = folder / "matrix.html"
    file.write_text(_page(title, rows))
    return file


def modes_of(rows: Sequence[Row]) -> list[str]:
    """Return the modes, in the order in which they were run."""
    return list(dict.fromkeys(row.mode for row in rows))


def by_mode(rows: Sequence[Row]) -> list[tuple[str, str, list[Row | None]]]:
    """Return layer, drill and the row of each mode."""
    drills = dict.fromkeys((row.layer, row.drill) for row in rows)
    by_key = {(row.layer, row.drill, row.mode): row for row in rows}
    modes = modes_of(rows)
    return [(a, b, [by_key.get((a, b, mode)) for mode in modes]) for a, b in drills]


def headline(rows: Sequence[Row]) -> tuple[str, bool]:
    """Return what came of all drills in a few words, and whether all is well."""
    done = [row for row in rows if row.verdict is not Verdict.UNAVAILABLE]
    if not done:
        return "No drill was carried out", False
    met = sum(row.verdict is Verdict.MET for row in done)
    ledgers = [row.ledger for row in done if row.ledger]
    lost, sent = sum(each.total.lost for each in ledgers), sum(each.total.sent for each in ledgers)
    apart = sum(each.uncovered for each in ledgers)
    return f"{met} of {len(done)} met their objectives; {of_lost(lost, sent, apart)}", met == len(
        done
    )


def of_lost(lost: int, sent: int, uncovered: int) -> str:
    """Return how many requests were lost, and how many of these no objective covers, in words."""
    note = f", {uncovered:,} of them that no objective covers" if uncovered else ""
    return f"{lost:,} of {sent:,} lost{note}"


def _page(title: str, rows: Sequence[Row]) -> str:
    words, good = headline(rows)
    lines: list[list[Child]] = [
        [drill, layer, *map(_cell, of_modes)] for layer, drill, of_modes in by_mode(rows)
    ]
    return whole(
        title,
        e("header", e("p", title), e("h1", words, class_="good" if good else "bad")),
        wide(title, table(("drill", "layer", *modes_of(rows)), lines, class_="list")),
    )


def _cell(row: Row | None) -> Element:
    if row is None:
        return e("span", "-", class_="note")
    if row.verdict is Verdict.UNAVAILABLE:
        return e("span", f"not available: {row.reason}", class_="note")
    hue = "good" if row.verdict is Verdict.MET else "bad"
    name: Child = e("b", row.verdict, class_=hue)
    if row.folder:
        name = e("a", name, href=f"{row.folder}/report.html")
    reason = row.reason if row.verdict is not Verdict.MET and row.ledger else ""
    return e("span", name, e("br"), row.figures, e("br") if reason else None, reason)


def _markdown(title: str, rows: Sequence[Row]) -> str:
    words, _ = headline(rows)
    body = [
        (layer, drill, *("" if row is None else _plain(row) for row in of_modes))
        for layer, drill, of_modes in by_mode(rows)
    ]
    lines = [f"# {title}", "", f"**{words}.**", ""]
    return "\n".join([*lines, *text.table(("layer", "drill", *modes_of(rows)), body)]) + "\n"


def _plain(row: Row) -> str:
    reason = f" ({row.reason})" if row.reason and row.ledger else ""
    return f"{row.verdict}: {row.figures}{reason}"


def _junit(title: str, rows: Sequence[Row]) -> str:
    counts = {
        "tests": str(len(rows)),
        "failures": str(sum(row.verdict is Verdict.MISSED for row in rows)),
        "errors": str(sum(row.verdict is Verdict.FAILED for row in rows)),
        "skipped": str(sum(row.verdict is Verdict.UNAVAILABLE for row in rows)),
    }
    root = Element("testsuites", counts)
    suite = SubElement(root, "testsuite", {"name": title, **counts})
    tags = {Verdict.MISSED: "failure", Verdict.FAILED: "error", Verdict.UNAVAILABLE: "skipped"}
    for row in rows:
        ledger = row.ledger
        took = f"{ledger.ended - ledger.started:.3f}" if ledger else "0"
        names = {"classname": f"{row.layer}.{row.mode}", "name": row.drill, "time": took}
        case = SubElement(suite, "testcase", names)
        if tag := tags.get(row.verdict):
            SubElement(case, tag, {"message": row.reason or row.figures})
    return text.xml(root)
