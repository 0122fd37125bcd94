"""Reports of a run, from its record: for a projector, for paper, for CI, and to compare.

report.write(folder) -> Path of report.html     one run, from `folder/record.jsonl`
report.write_matrix(folder, title, rows)        many runs side by side (see matrix.Row)
python -m drills.report RUN                     writes the files of a run again
python -m drills.report compare RUN RUN         two runs side by side
"""

from __future__ import annotations

from pathlib import Path

from drills import live_picture
from drills.report import compare, page, run, text
from drills.report.matrix_page import write_matrix
from drills.traffic.view import figures
from foundation import tables

__all__ = ["print_comparison", "write", "write_matrix"]


def write(path: Path) -> Path:
    """Write ledger.json, junit.xml, report.md and report.html into the run's folder.

    `path` is that folder, or the record. Gives the path of the page. Raises record.RecordError.
    """
    found = run.load(path)
    folder = path if path.is_dir() else path.parent
    (folder / "ledger.json").write_text(text.ledger_json(found))
    (folder / "junit.xml").write_text(text.junit(found))
    (folder / "report.md").write_text(text.markdown(found))
    file = folder / "report.html"
    replay = folder / live_picture.PAGE
    file.write_text(page.page(found, replay.read_text() if replay.exists() else ""))
    return file


def print_comparison(first: Path, second: Path) -> None:
    """Print two runs side by side. Raises record.RecordError."""
    one, other = run.load(first), run.load(second)
    for title, lines in (
        ("Measured", compare.figures(one, other)),
        ("Not the same conditions", compare.differences(one, other)),
    ):
        if not lines:
            continue
        table = figures(title, "", one.header.run, other.header.run, "change")
        for line in lines:
            table.add_row(*line)
        tables.console().print(table)
