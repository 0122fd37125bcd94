"""`./demo task soak`: random faults under traffic for hours, each healed and scored."""

from __future__ import annotations

import argparse
import dataclasses
import secrets
import shlex
import sys
import time
from collections.abc import Sequence

from drills import action, matrix
from drills.alone import only_drill
from drills.arguments import add_pace, add_stack, interrupted, positive
from drills.faults import FAULTS, Fault
from drills.journal import Journal
from drills.pace import Pace
from drills.report.matrix_page import Row, Verdict
from drills.say import say
from drills.soak import plan, resources
from drills.soak.page import Record
from drills.soak.run import Means, run
from drills.stack import Stack
from drills.traffic import record
from foundation import project
from foundation.entry import entry
from foundation.errors import UserError

HOURS = 1.0
"""How long a soak takes, unless it is said."""

SEEDS = 1 << 32


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser().parse_args(words)
    return entry(lambda: _run(options, words), interrupted=interrupted(options.stack))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./demo task soak --", description=__doc__)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--hours", type=positive, metavar="N", help=f"how long ({HOURS:g})")
    length.add_argument("--minutes", type=positive, metavar="N", help="how long")
    parser.add_argument(
        "--seed", type=_seed, metavar="N", help="the same one gives the same events (a new one)"
    )
    parser.add_argument(
        "--keep-records",
        action="store_true",
        help="keep each request of each event (only of events that missed their objectives)",
    )
    add_pace(parser)
    add_stack(parser)
    return parser


def _seed(text: str) -> int:
    """Return the seed. Raises `argparse.ArgumentTypeError` if it is no whole number from 0 on."""
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 on")
    return int(text)


def _seconds(options: argparse.Namespace) -> float:
    return float(options.minutes * 60 if options.minutes else (options.hours or HOURS) * 3600)


def _run(options: argparse.Namespace, words: Sequence[str]) -> int:
    stack = Stack.selected(options.stack, options.elsewhere)
    matrix.check_platform(stack)
    with only_drill(stack):  # first: what another has broken is not to be mended by hand
        return _soaked(stack, options, words)


def _soaked(stack: Stack, options: argparse.Namespace, words: Sequence[str]) -> int:
    if entries := Journal(stack.folder).entries():
        known = ", ".join(f"{e.fault} in {e.cluster}" for e in entries)
        mend = project.task("heal-all", stack.name)
        raise UserError(f"Not well before it begins ({known}). Mend it: {mend}")
    faults = [fault for fault in FAULTS if not fault.unavailable(stack)]
    seed = secrets.randbelow(SEEDS) if options.seed is None else options.seed
    again = list(words) if options.seed is not None else [*words, "--seed", str(seed)]
    command = shlex.join(["./demo", "task", "soak", "--", *again])
    soak = Record(stack.name, seed, command, time.time())
    pace = Pace.chosen(options)

    file = matrix.folder("soak") / "soak.md"

    def drill(fault: Fault, cluster: str) -> Row:
        # a copy each time: what it has read of the stack's state may be another one by now
        row = matrix.row(dataclasses.replace(stack), fault, pace, say, cluster)
        if row.verdict is Verdict.MET and not options.keep_records:  # 2 to 6 MB an event
            (file.parent / row.folder / record.FILE).unlink(missing_ok=True)
        return row

    def heal() -> list[str]:
        left = Journal(stack.folder).entries()
        return action.heal_all(stack, say) if left else []

    means = Means(drill, heal, resources.of(stack), say)
    say(f"Seed {seed}. Ctrl-C heals everything and writes the report: {file}")
    strikes = plan.sequence(plan.possible(faults, stack.clusters), seed)
    try:
        run(soak, strikes, _seconds(options), means, file)
    finally:
        say(f"\n{soak.headline}.")
        for text in soak.broken:
            say(text)
        say(f"Report: {file}")
    return 1 if soak.broken else 0


if __name__ == "__main__":
    sys.exit(main())
