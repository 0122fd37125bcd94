"""`./demo task compare`: well-known balancers beside our edge, under the same faults."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from drills.arguments import interrupted, positive
from drills.compare import page, programs, run, table
from drills.compare.balancers import BALANCERS, Balancer, chosen
from drills.faults import named
from drills.say import say
from drills.stack import Stack
from drills.traffic import view
from foundation import project, tables
from foundation.entry import entry
from foundation.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    return entry(lambda: _run(options), interrupted=interrupted(options.stack))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./demo task compare --", description=__doc__)
    usual = ", ".join(run.FAULTS)
    parser.add_argument("faults", nargs="*", metavar="fault", help=f"which strike ({usual})")
    parser.add_argument("--list", action="store_true", help="only say what there is to compare")
    parser.add_argument(
        "--with",
        action="append",
        default=[],
        dest="names",
        metavar="NAME",
        help="a balancer; several times for several (all)",
    )
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a configuration of your own: .cfg, .conf, .caddyfile or .yaml; see docs/compare.md",
    )
    for name, value, what in (
        ("rate", run.Pace.rate, "requests/s of each lane"),
        ("calm", run.Pace.calm, "seconds without a fault"),
        ("hold", run.Pace.hold, "seconds of each fault"),
        ("recover", run.Pace.recover, "seconds after each fault"),
    ):
        parser.add_argument(f"--{name}", type=positive, default=value, help=f"{what} ({value:g})")
    parser.add_argument("--stack", help="another stack than the selected one")
    return parser


def _run(options: argparse.Namespace) -> int:
    balancers = chosen(options.names, options.config)
    faults = [named(name) for name in options.faults or run.FAULTS]
    if len(set(options.faults)) < len(options.faults):
        raise UserError("A fault is named twice; name each one once")
    if options.list:
        return _list(balancers if options.names or options.config else BALANCERS)
    pace = run.Pace(options.rate, options.calm, options.hold, options.recover)
    found, file = run.run(Stack.selected(options.stack), faults, balancers, pace, say)
    for title, heads, lines in table.sections(found):
        grid = view.figures(title, *heads)
        for line in lines:
            grid.add_row(*line)
        tables.console().print(grid)
    say("Where our edge is behind:")
    for text in table.behind(found) or [page.NOWHERE]:
        say(f"  {text}")
    say(f"\n{page.headline(found)}.\nReport: {file}")
    return 1 if table.doubt(found) else 0


def _list(balancers: Sequence[Balancer]) -> int:
    grid = tables.folded(("balancer", "program", "from", "configuration"))
    for balancer in balancers:
        version, origin = "not here yet", f"{programs.publisher(balancer.kind)}, on first use"
        try:
            if program := programs.there(balancer.kind):
                version, origin = program.version, program.origin
        except UserError as error:
            version, origin = "cannot be had", str(error)
        grid.add_row(balancer.name, version, origin, _shown(balancer.file))
    tables.console().print(grid)
    return 0


def _shown(file: Path) -> str:
    """Return a file's path from the checkout's folder on, if it is in there."""
    inside = file.is_relative_to(project.ROOT)
    return str(file.relative_to(project.ROOT) if inside else file)


if __name__ == "__main__":
    sys.exit(main())
