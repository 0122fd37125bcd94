"""`./demo task bench`: how fast the demo is and how much memory it takes, here and now.

Everything is done in a copy of the checkout with ports of its own; nothing else on the machine
should be busy meanwhile. Times are shown, never asserted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from drills.faults import FAULTS, Fault, named
from tests.benchmark import drills_with_picture, further, growth, live_picture, report, rootless
from tests.benchmark.measure import Samples, baselines, cold_tools, one_round
from tests.support.checkout import checkout


def main() -> int:
    """Measures and prints; the exit code says whether everything could be measured."""
    parser = argparse.ArgumentParser(prog="./demo task bench --", description=__doc__)
    parser.add_argument("--rounds", type=int, help="how many rounds (default 3)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--picture", action="store_true", help="only the live picture")
    parser.add_argument(
        "--soak",
        type=float,
        default=0,
        metavar="MINUTES",
        help="with --picture: how memory grows in so long a time (60 for an hour)",
    )
    parser.add_argument(
        "--drills",
        nargs="*",
        choices=[fault.name for fault in FAULTS],
        metavar="NAME",
        help="with --picture: drills (all) in each mode, without the picture, with its"
        " server alone and with a page open, in one round unless --rounds is given",
    )
    parser.add_argument(
        "--rootless", action="store_true", help="only what it costs to do without root"
    )
    parser.add_argument("--tools", action="store_true", help="only the tools, from empty caches")
    parser.add_argument(
        "--growth",
        type=int,
        nargs="*",
        metavar="N",
        help="only how the demo grows with so many application clusters (2 3 5 8 13)",
    )
    parser.add_argument(
        "--further",
        type=int,
        default=2,
        metavar="N",
        help="application clusters beyond two, to measure what each costs (default 2; 0 skips it)",
    )
    chosen = parser.parse_args()
    if (chosen.drills is not None or chosen.soak) and not chosen.picture:
        parser.error("--drills and --soak go with --picture")
    if (load := os.getloadavg()[0]) > 1:
        print(f"The machine is busy (load {load:.1f}): times will be longer.", file=sys.stderr)
    if chosen.drills is not None:
        return _drills([named(name) for name in chosen.drills] or FAULTS, chosen.rounds or 1)
    samples = Samples()
    try:
        measure(chosen, samples)
    except AssertionError as failed:  # of a command, or of what was waited for
        print(failed, file=sys.stderr)
        if chosen.growth is not None:
            growth.show(samples)  # the first thing that breaks is what was asked for
        return 1
    show = growth.show if chosen.growth is not None else report.show
    print(report.as_json(samples)) if chosen.json else show(samples)
    return 0


def _drills(faults: Sequence[Fault], rounds: int) -> int:
    runs: list[drills_with_picture.Runs] = []
    try:
        with checkout() as demo:
            for each in drills_with_picture.every(demo, faults, rounds):
                runs.append(each)
                print(each, file=sys.stderr)
    except AssertionError as failed:
        print(failed, file=sys.stderr)
        return 1
    finally:
        drills_with_picture.show(runs)
    return 0


def measure(chosen: argparse.Namespace, samples: Samples) -> None:
    """Measure all that is asked for.

    Raises AssertionError when a command fails or a wait is in vain.
    """
    with checkout() as demo:
        if chosen.tools:
            samples.add("tools", cold_tools(demo))
            return
        if chosen.growth is not None:
            growth.one_round(demo, samples, chosen.growth or growth.COUNTS)
            return
        if chosen.picture:
            live_picture.one_round(demo, samples, chosen.soak)
            return
        rounds = chosen.rounds or 3
        if chosen.rootless:
            for _ in range(rounds):
                rootless.one_round(demo, samples)
            return
        for number in range(1, rounds + 1):
            print(f"round {number} of {rounds}", file=sys.stderr)
            baselines(samples)
            one_round(demo, samples)
            if chosen.further:
                further.one_round(demo, samples, chosen.further)


if __name__ == "__main__":
    sys.exit(main())
