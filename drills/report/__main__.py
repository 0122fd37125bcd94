"""`python -m drills.report`: writes the report of a run again, or compares two runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from drills import report
from drills.traffic import record
from foundation import project
from foundation.entry import entry

REPORTS = project.ROOT / "reports"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="python -m drills.report", description=__doc__)
    comparing = words[:1] == ["compare"]
    if comparing:
        words = words[1:]
        parser.prog += " compare"
    parser.add_argument(
        "runs",
        nargs=2 if comparing else 1,
        metavar="RUN",
        help="a folder with a record, a record, or the name of a folder in reports/",
    )
    names = parser.parse_args(words).runs
    return entry(lambda: _run(names))


def _run(names: Sequence[str]) -> int:
    """Compare two runs, or write the report of the one."""
    paths = [_path(name) for name in names]
    if len(paths) > 1:
        report.print_comparison(*paths)
    else:
        print(report.write(paths[0]))
    return 0


def _path(name: str) -> Path:
    """Return the record that is meant: a path, or a run's name. Raises record.RecordError."""
    for found in (Path(name), REPORTS / name):
        if found.exists():
            return found
    known = sorted(file.parent.name for file in REPORTS.glob(f"*/{record.FILE}"))[-5:]
    shown = f" The latest runs: {', '.join(known)}" if known else ""
    raise record.RecordError(f"There is no run {name!r}.{shown}")


if __name__ == "__main__":
    sys.exit(main())
