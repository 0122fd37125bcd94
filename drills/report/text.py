"""The report as Markdown, as JUnit XML and as JSON."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from drills.report.run import Run, expectations
from drills.traffic.returning import in_words
from drills.traffic.summary import (
    HEADS,
    STREAM_HEADS,
    as_json,
    cells,
    comparisons,
    losses,
    moments,
    rows,
    stream_cells,
)

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that an XML 1.0 document may not hold, escaped or not: its production `Char`."""


def ledger_json(run: Run) -> str:
    """Return header and ledger as JSON."""
    content = {"header": dataclasses.asdict(run.header), "ledger": as_json(run.ledger)}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def markdown(run: Run) -> str:
    """Return the report as Markdown."""
    header = run.header
    lines = [f"# {header.title or header.run}", "", f"**{run.headline}.**", ""]
    lines += [f"- {text}" for text in comparisons(run.ledger)]
    lines += [f"- Expected: {text}" for text in expectations(run)]
    lines.append(f"- {run.verdict}")
    facts = {"Run": header.run, "Stack": header.stack, "Configuration": header.config_digest}
    lines += [f"- {name}: {value}" for name, value in facts.items() if value]
    lines += [f"- {name}: {value}" for name, value in header.environment.items()]
    lines += ["", "## Objectives", ""]
    lines += table(
        ("objective", "promised", "measured", "verdict"),
        [
            (check.name, check.promised, check.measured, "met" if check.met else "**missed**")
            for check in run.ledger.checks
        ],
    )
    if run.ledger.incidents:
        lines += ["", "## Where the seconds went", ""]
        for incident in run.ledger.incidents:
            steps = "; ".join(f"{name} {when}" for name, when in moments(incident))
            lines.append(f"- {incident.label}: {steps or 'no effect'}")
            if incident.returned:
                lines.append(f"- {in_words(incident.returned, incident.cluster)}")
    lines += ["", "## Ledger", ""]
    start = run.ledger.started
    lines += table(
        ("requests", *HEADS),
        [(name, *cells(part, start)) for name, part in rows(run.ledger).items()],
    )
    for text in losses(run.ledger):
        lines += ["", text]
    if run.ledger.streams:
        lines += ["", "## Streams", ""]
        kinds = run.ledger.streams.items()
        lines += table(
            ("kind", *STREAM_HEADS), [(kind, *stream_cells(found)) for kind, found in kinds]
        )
    if run.events:
        lines += ["", "## What happened", ""]
        lines += table(
            ("second", "kind", "name", "cluster", "in words"),
            [(run.seconds(e.at), e.kind, e.name, e.cluster, e.text) for e in run.events],
        )
    return "\n".join(lines) + "\n"


def table(heads: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *body]
    cells = [[" ".join(cell.replace("|", "\\|").split()) for cell in line] for line in lines]
    return [f"| {' | '.join(line)} |" for line in cells]


def junit(run: Run) -> str:
    """Return a test suite with a case for each objective."""
    checks = run.ledger.checks
    name = run.header.title or run.header.run
    failures = sum(not check.met for check in checks) + len(run.unexpected)
    took = f"{max(0.0, run.ledger.ended - run.ledger.started):.3f}"
    count = len(checks) + len(run.unexpected)
    numbers = {"tests": str(count), "failures": str(failures), "errors": "0", "time": took}
    root = Element("testsuites", numbers)
    suite = SubElement(root, "testsuite", {"name": name, **numbers})
    for check in checks:
        case = SubElement(suite, "testcase", {"classname": name, "name": check.name, "time": "0"})
        if not check.met:
            text = f"{check.name}: {check.measured}, objective {check.promised}"
            SubElement(case, "failure", {"message": text, "type": "objective"})
    for text in run.unexpected:
        case = SubElement(suite, "testcase", {"classname": name, "name": "prediction", "time": "0"})
        SubElement(case, "failure", {"message": text, "type": "prediction"})
    return xml(root)


def xml(root: Element) -> str:
    """Return a whole XML document, indented; what it may not hold, such as colours, as U+FFFD."""
    indent(root)
    body = _NOT_XML.sub("\ufffd", tostring(root, encoding="unicode"))
    return f'<?xml version="1.0" encoding="utf-8"?>\n{body}\n'
