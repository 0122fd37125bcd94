"""The report as one HTML file that needs no network, for a projector and for paper."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element

from drills import live_picture
from drills.report import charts, frame
from drills.report.markup import Child, e, table, whole, wide
from drills.report.run import Run, expectations
from drills.report.series import LOST
from drills.traffic import EventKind
from drills.traffic.incidents import Incident
from drills.traffic.returning import in_words
from drills.traffic.summary import (
    HEADS,
    MOMENTS,
    STREAM_HEADS,
    cells,
    comparisons,
    losses,
    of_duplicates,
    rows,
    stream_cells,
)
from drills.traffic.view import milliseconds

_SHOWN_EVENTS = 200


def page(run: Run, replay: str = "") -> str:
    """Return the report of one run; `replay` is the text of the page that plays its picture."""
    title = run.header.title or run.header.run
    scripts = live_picture.script_hashes(replay)
    return whole(title, _head(run), _replay(replay), _body(run), _foot(run), scripts=scripts)


def _replay(text: str) -> Element | None:
    """Return the live picture of the run: the page that plays it, whole, as a part of this one."""
    if not text:
        return None
    apart = e("a", "in a page of its own", href=live_picture.PAGE)
    return e(
        "section",
        e("h2", "The live picture, recorded"),
        e("iframe", title="The live picture of this run", srcdoc=text),
        e("p", "The same ", apart, class_="note"),
    )


def local_time(moment: float) -> str:
    """Return date and time of day, with the zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(moment))


def _head(run: Run) -> Element:
    header, ledger = run.header, run.ledger
    hue = "" if run.cut or not ledger.total.sent else "good"
    judged = "bad" if run.missed and not run.cut else hue
    where = f" · stack {header.stack}" if header.stack else ""
    return e(
        "header",
        e("p", f"{header.title or header.run}{where} · {local_time(header.started)}"),
        e("h1", run.headline, class_="bad" if ledger.total.lost else judged),
        e("p", run.verdict, class_=judged),
        [e("p", text) for text in comparisons(ledger)],
        [e("p", f"Expected: {text}") for text in expectations(run)],
        e("ul", [e("li", e("span", name), e("b", value)) for name, value in _cards(run)],
          class_="cards"),
    )  # fmt: skip


def _cards(run: Run) -> list[tuple[str, str]]:
    part = run.ledger.promised
    made = [
        ("sent", f"{run.ledger.total.sent:,}"),
        ("lost", f"{run.ledger.total.lost:,}"),
        ("slowest that counts", _known(part.latency.max)),
        ("longest gap", _known(part.gap_seconds)),
    ]
    moved = [i.seconds_to(i.all_moved) for i in run.ledger.incidents if i.should_move]
    took = [seconds for seconds in moved if seconds is not None]
    if moved and not run.cut:
        text = f"{max(took):.2f} s" if len(took) == len(moved) else "not moved"
        made.append(("all moved within", text))
    if run.ledger.total.duplicated is not None:
        made.append(("executed twice", f"{run.ledger.total.duplicated:,}"))
    return made


def _known(seconds: float) -> str:
    """Return a time, which is none where nothing was measured."""
    return f"{milliseconds(seconds)} ms" if seconds else "-"


def _body(run: Run) -> list[Child]:
    slow = run.ledger.objectives.slowest
    hues = charts.colours(run.series)
    who = [(hues[name], name or "unnamed") for name in [*run.series.clusters, LOST]]
    speeds = [("#0369a1", "median"), ("#bae6fd", "up to the 99th of 100"), (frame.INK, "slowest")]
    timed: list[Child] = [
        _section(
            "Who answered",
            _legend(who),
            charts.requests(run.series, run.events),
            _beside(run) if run.series.beside else None,
        ),
        _section(
            "How fast, counted from when a request was due",
            _legend(speeds),
            charts.latency(run.series, run.events, slow),
        ),
        _section("On which connections", charts.lanes(run.series, run.events)),
    ]
    made = timed if run.ledger.total.sent or run.series.beside else []
    if run.ledger.incidents:
        made.append(_section("Where the seconds went", _moments(run.ledger.incidents)))
    checks: list[list[Child]] = [
        [check.name, check.promised, check.measured, _verdict(check.met)]
        for check in run.ledger.checks
    ]
    made += [
        _section("Objectives", table(("objective", "promised", "measured", "verdict"), checks)),
        _section("Ledger", _ledger(run)),
    ]
    if run.ledger.streams:
        lines = [[kind, *stream_cells(found)] for kind, found in run.ledger.streams.items()]
        made.append(_section("Streams", table(["kind", *STREAM_HEADS], lines)))
    made += [e("p", text, class_="bad") for text in losses(run.ledger)]
    if run.events:
        title = "What happened"  # no section: it may be longer than a sheet of paper
        made += [e("h2", title), _fitted(title, _events(run))]
    return made


def _beside(run: Run) -> list[Child]:
    names = " and ".join(run.series.beside)
    note = f"At the same time, to compare and not counted: {names}; what it lost is red."
    return [e("p", note, class_="note"), charts.beside(run.series, run.events)]


def _section(title: str, *content: Child) -> Element:
    """Return a part of the page; drawings and tables in it are never wider than the page."""
    return e("section", e("h2", title), [_fitted(title, child) for child in content])


def _fitted(title: str, child: Child) -> Child:
    match child:
        case None | str():
            return child
        case Element():
            return wide(title, child) if child.tag in ("svg", "table") else child
    return [_fitted(title, each) for each in child]


def _legend(entries: Iterable[tuple[str, str]]) -> Element:
    return e(
        "ul",
        [e("li", e("i", style=f"background: {hue}"), name) for hue, name in entries],
        class_="legend",
    )


def _verdict(met: bool) -> Element:
    return e("span", "met" if met else "missed", class_="good" if met else "bad")


def _moments(incidents: Sequence[Incident]) -> list[Child]:
    heads = ["fault", *(name for _, name in MOMENTS)]
    lines = []
    for incident in incidents:
        values = [incident.label]
        for field, _ in MOMENTS:
            moment = getattr(incident, field)
            late = field in ("failed_back", "settled")
            took = incident.seconds_after_fix(moment) if late else incident.seconds_to(moment)
            values.append("-" if took is None else f"{took:.3f}")
        lines.append(values)
    note = (
        "Seconds after the fault; for “failed back” and “former share again”, after the fix."
        " - did not happen, or could not be seen by a client."
    )
    back = [in_words(i.returned, i.cluster) for i in incidents if i.returned]
    return [table(heads, lines), e("p", note, class_="note"), *(e("p", text) for text in back)]


def _ledger(run: Run) -> list[Child]:
    ledger = run.ledger
    lines: list[list[Child]] = []
    for name, part in rows(ledger).items():
        values: list[Child] = [*cells(part, ledger.started)]
        if part.lost:
            values[HEADS.index("lost")] = e("span", f"{part.lost:,}", class_="bad")
        lines.append([name, *values])
    late = ledger.lateness
    note = (
        f"Slow: over {ledger.objectives.slowest * 1000:.0f} ms. Objectives cover methods that may"
        " be repeated (GET, HEAD, OPTIONS, TRACE), and any with an Idempotency-Key. Failures are"
        " given in seconds from the first request. The generator itself was at most"
        f" {milliseconds(late.max)} ms late (p99 {milliseconds(late.p99)} ms)."
    )
    notes = [note, of_duplicates(ledger)]
    return [
        table(["requests", *HEADS], lines),
        [e("p", text, class_="note") for text in notes if text],
    ]


def _events(run: Run) -> list[Child]:
    shown = run.events[:_SHOWN_EVENTS]
    lines: list[list[Child]] = [
        [
            run.seconds(event.at),
            e(
                "span",
                event.kind,
                style=f"color: {frame.EVENT_COLOURS.get(event.kind, frame.SOFT)}",
            ),
            event.name,
            event.cluster,
            event.text,
        ]
        for event in shown
        if not (event.kind is EventKind.NOTE and event.name == "expected")
    ]
    more = len(run.events) - len(shown)
    return [
        table(("second", "kind", "name", "cluster", "in words"), lines, class_="list"),
        e("p", f"{more:,} more are in the record.", class_="note") if more else None,
    ]


def _foot(run: Run) -> Element:
    header = run.header
    facts = [f"run {header.run}"]
    if header.config_digest:
        facts.append(f"configuration {header.config_digest}")
    if header.plan:
        rate = header.plan.counted_rate
        facts.append(f"{rate:g} {'request' if rate == 1 else 'requests'} a second")
        facts.append(f"time-out {header.plan.timeout:g} s")
    facts += [f"{name} {value}" for name, value in header.environment.items()]
    return e("footer", " · ".join(facts))
