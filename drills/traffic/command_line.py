"""The command line of `generate-traffic`."""

from __future__ import annotations

import argparse
from pathlib import Path

from drills.arguments import add_beside, add_traffic, positive
from drills.traffic.plan import Lane


def parser() -> argparse.ArgumentParser:
    """Return the command line of `python -m drills.traffic`."""
    made = argparse.ArgumentParser(
        prog="./demo task generate-traffic --",
        description="Requests at a constant rate, each sent once, live, with a ledger at the end.",
    )
    made.add_argument("--url", help="where to (default: the selected stack)")
    made.add_argument("--ca", type=Path, metavar="FILE", help="PEM of the authority to trust")
    made.add_argument("--stack", help="another stack than the selected one")
    made.add_argument("--rate", type=positive, default=100.0, help="requests a second (100)")
    made.add_argument(
        "--duration", type=positive, metavar="SECONDS", help="how long (until Ctrl-C)"
    )
    made.add_argument(
        "--slow",
        type=positive,
        default=0.25,
        metavar="SECONDS",
        help="a later answer is counted as slow (0.25)",
    )
    made.add_argument(
        "--lanes",
        type=_lanes,
        default="kept,new",
        help="connections that are kept, new ones for each request, or both (kept,new)",
    )
    made.add_argument("--protocols", type=_protocols, default="h1,h2", help="h1, h2 or h1,h2")
    add_beside(made)
    add_traffic(made)
    made.add_argument("--record", type=Path, metavar="FILE", help="JSON lines, a line a request")
    made.add_argument("--no-duplicates", action="store_true", help="do not follow the pods' logs")
    made.add_argument("--json", action="store_true", help="JSON lines instead of the view")
    return made


def _lanes(text: str) -> list[str]:
    return _some_of(text, [str(Lane.KEPT), str(Lane.NEW)])


def _protocols(text: str) -> list[str]:
    return _some_of(text, ["h1", "h2"])


def _some_of(text: str, known: list[str]) -> list[str]:
    chosen = text.split(",")
    if not set(chosen) <= set(known):
        raise argparse.ArgumentTypeError(f"{text}: choose from {', '.join(known)}")
    return list(dict.fromkeys(chosen))
