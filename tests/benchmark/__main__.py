"""`./demo task bench`: how fast the demo is and how much memory it takes, here and now.

Everything is done in a copy of the checkout with ports of its own; nothing else on the machine
should be busy meanwhile. Times are shown, never asserted.
"""

from __future__ import annotations

import argparse
import os
import sys

from tests.benchmark import further, live_picture, report
from tests.benchmark.measure import Samples, baselines, cold_tools, one_round
from tests.support.checkout import checkout


def main() -> int:
    """Measures and prints; the exit code says whether everything could be measured."""
    parser = argparse.ArgumentParser(prog="./demo task bench --", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how many rounds (default 3)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--picture", action="store_true", help="only the live picture")
    parser.add_argument(
        "--soak",
        type=float,
        default=0,
        metavar="MINUTES",
        help="with --picture: how memory grows in so long a time (60 for an hour)",
    )
    parser.add_argument("--tools", action="store_true", help="only the tools, from empty caches")
    parser.add_argument(
        "--further",
        type=int,
        default=2,
        metavar="N",
        help="application clusters beyond two, to measure what each costs (default 2; 0 skips it)",
    )
    chosen = parser.parse_args()
    if (load := os.getloadavg()[0]) > 1:
        print(f"The machine is busy (load {load:.1f}): times will be longer.", file=sys.stderr)
    try:
        samples = measured(chosen)
    except AssertionError as failed:  # of a command, or of what was waited for
        print(failed, file=sys.stderr)
        return 1
    print(report.as_json(samples)) if chosen.json else report.show(samples)
    return 0


def measured(chosen: argparse.Namespace) -> Samples:
    """All that is asked for. Raises AssertionError when a command fails or a wait is in vain."""
    samples = Samples()
    with checkout() as demo:
        if chosen.tools:
            samples.add("tools", cold_tools(demo))
            return samples
        if chosen.picture:
            live_picture.one_round(demo, samples, chosen.soak)
            return samples
        for number in range(1, chosen.rounds + 1):
            print(f"round {number} of {chosen.rounds}", file=sys.stderr)
            baselines(samples)
            one_round(demo, samples)
            if chosen.further:
                further.one_round(demo, samples, chosen.further)
    return samples


if __name__ == "__main__":
    sys.exit(main())
