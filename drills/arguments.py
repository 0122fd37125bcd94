"""What is typed after `python -m drills`, and what it shares with the traffic's command line."""

from __future__ import annotations

import argparse
import urllib.parse
from pathlib import Path

from foundation import project

MODES = ("active", "standby", "locality")

STREAMS = 4
"""Streams of each kind that are kept open to the portal, unless a number is given."""

MOST_STREAMS = 100

TIMEOUT = 3.0
"""Seconds that clients wait for the portal, which answers in milliseconds."""

OWN_TIMEOUT = 30.0
"""Seconds that clients wait for an application of the user's; many wait longer, or for ever."""


def positive(text: str) -> float:
    """Return a number above 0. Raises `argparse.ArgumentTypeError` for anything else."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def is_http(url: str) -> bool:
    """Check whether `url` is an http or https address."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def timeout_for(given: float | None, is_own: bool) -> float:
    """Return how long a request is waited for, of the user's own or of the portal's."""
    return given or (OWN_TIMEOUT if is_own else TIMEOUT)


def streams_for(wanted: int | None, is_portal: bool) -> int:
    """Return how many streams of each kind are kept open: only the portal answers them."""
    return (STREAMS if is_portal else 0) if wanted is None else wanted


def add_traffic(command: argparse.ArgumentParser) -> None:
    """Add the options that say what is sent, of drills and of `generate-traffic` alike."""
    command.add_argument(
        "--traffic",
        type=Path,
        metavar="FILE",
        help="YAML with requests of your own: see docs/traffic.md",
    )
    command.add_argument(
        "--timeout",
        type=positive,
        metavar="SECONDS",
        help="a request without an answer by then is lost"
        f" ({TIMEOUT:g}; {OWN_TIMEOUT:g} for your own requests or application)",
    )
    command.add_argument(
        "--streams",
        type=_streams,
        metavar="NUMBER",
        help="WebSockets, as many streams of events, and twice as many of gRPC, to the portal"
        f" ({STREAMS}; 0 for your own application)",
    )


def add_pace(command: argparse.ArgumentParser) -> None:
    """Add the options that say how drills are run, and what is sent meanwhile."""
    command.add_argument("--rate", type=positive, default=100.0, help="requests/s (100)")
    command.add_argument(
        "--baseline", type=positive, default=5.0, help="seconds before the fault (5)"
    )
    command.add_argument("--hold", type=positive, default=8.0, help="seconds of the fault (8)")
    add_traffic(command)


def add_stack(command: argparse.ArgumentParser) -> None:
    """Add the options that say which stack is struck, and by which means."""
    command.add_argument("--stack", help="another stack than the selected one")
    command.add_argument(
        "--elsewhere",
        action="store_true",
        help="by Kubernetes' own means only, as on clusters that do not run on this machine",
    )


def add_beside(command: argparse.ArgumentParser) -> None:
    """Add the option that names balancers to compare with."""
    command.add_argument(
        "--beside",
        action="append",
        metavar="NAME",
        help="send the same through another balancer, not counted: see docs/compare.md",
    )


def _streams(text: str) -> int:
    """Return the number. Raises `argparse.ArgumentTypeError` if it is not between 0 and 100."""
    if not text.isdecimal() or int(text) > MOST_STREAMS:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to {MOST_STREAMS}")
    return int(text)


def interrupted(stack: str | None) -> str:
    """Return what a command that breaks something says after Ctrl-C; `stack` is as it was typed."""
    status = project.task("status", stack) if stack else "./demo task status"
    return f"Interrupted. What is broken still, if anything: {status}"


_TASKS = {"list": "drill:list", "run": "drill"}
"""Tasks that are called otherwise than their command."""


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the command line of `python -m drills`."""
    top = argparse.ArgumentParser(prog="./demo task", description=description)
    top.set_defaults(stack=None, elsewhere=False)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, says: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=says, description=says)

    add("list", "every fault, what it does, whether it can be done here")
    add("status", "what is broken now")
    add("heal-all", "mend everything")
    add("failback", "bring back the clusters that are held back")
    making = add("break", "make a fault, and leave it until it is mended")
    mending = add("fix", "mend a fault")
    running = add("run", "faults with traffic, their fix, ledger and verdict")
    walking = add("demo", "the acts of a talk, and a recap with numbers")
    walking.add_argument("--no-pause", action="store_true", help="go on without being told to")
    for command in (making, mending):
        command.add_argument("name", metavar="FAULT", help="its name, as drill:list has it")
    running.add_argument(
        "names", nargs="+", metavar="FAULT", help="its name, as drill:list has it; several, or all"
    )
    for command in (making, mending, running):
        which = "was struck" if command is mending else "is struck"
        command.add_argument("--cluster", metavar="NAME", help=f"the cluster that {which}")
    for command in (making, running):
        command.add_argument("--force", action="store_true", help="break what is left too")
    running.add_argument(
        "--mode",
        action="append",
        choices=MODES,
        help="switch to it for the drill, and back; several times for several"
        " (with all: active and standby)",
    )
    running.add_argument(
        "--profile",
        type=Path,
        metavar="FILE",
        help="run a drill by the stack's own profile, then by this one, and compare the costs",
    )
    add_beside(running)
    for command in (running, walking):
        add_pace(command)
    for command, default in ((running, False), (walking, True)):
        command.add_argument(
            "--picture",
            action=argparse.BooleanOptionalAction,
            default=default,
            help="serve the live picture, and record it for the report",
        )
    for name, command in commands.choices.items():
        command.prog = f"./demo task {_TASKS.get(name, name)} --"
        add_stack(command)
    return top
