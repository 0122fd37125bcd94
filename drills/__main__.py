"""`python -m drills`: break something on purpose, count what it costs, mend it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from rich.table import Table

from drills import action, drill, prediction, rails
from drills.arguments import positive
from drills.book import Book
from drills.faults import FAULTS, Fault, named
from drills.site import EDGE, Site
from drills.traffic import record, summary, view
from drills.traffic.generator import TrafficError
from drills.traffic.target import TargetError
from toolchain.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        return _run(chosen)
    except (UserError, TargetError, TrafficError, record.RecordError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. What is broken still, if anything: ./demo task status", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m drills", description=__doc__)
    parser.add_argument("--stack", help="another stack than the selected one")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="every fault, what it does, whether it can be done here")
    commands.add_parser("status", help="what is broken now")
    commands.add_parser("heal-all", help="mend everything")
    for name, text in {
        "break": "make a fault, and leave it until it is mended",
        "fix": "mend a fault",
        "run": "a fault with traffic, its fix, ledger and verdict; or all of them",
    }.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("name", help="of the fault" + (", or all" if name == "run" else ""))
        command.add_argument("--cluster", help="the cluster to strike")
        if name != "fix":
            command.add_argument("--force", action="store_true", help="break what is left too")
        if name == "run":
            command.add_argument("--rate", type=positive, default=100.0, help="requests/s (100)")
            command.add_argument("--baseline", type=positive, default=5.0, help="seconds (5)")
            command.add_argument("--hold", type=positive, default=8.0, help="seconds (8)")
    return parser


def _run(chosen: argparse.Namespace) -> int:
    wanted = getattr(chosen, "name", "all")
    fault = None if wanted == "all" and chosen.command == "run" else _fault(chosen)
    site = Site.selected(chosen.stack)
    if chosen.command == "list":
        return _list(site)
    if chosen.command == "status":
        return _status(site)
    if chosen.command == "heal-all":
        return _heal(site)
    if fault is None:
        return _all(site, chosen)
    cluster = chosen.cluster or prediction.struck_by_default(fault, site.order, EDGE)
    if chosen.command == "fix":
        return _fix(site, fault, chosen.cluster or _where(site, fault) or cluster)
    _check(site, fault, cluster, chosen.force)
    if chosen.command == "break":
        return _break(site, fault, cluster)
    outcome = drill.run(site, fault, cluster, _pace(chosen), print)
    return _verdict(outcome)


def _fault(chosen: argparse.Namespace) -> Fault | None:
    return named(chosen.name) if hasattr(chosen, "name") else None


def _pace(chosen: argparse.Namespace) -> drill.Pace:
    return drill.Pace(chosen.rate, chosen.baseline, chosen.hold)


def _where(site: Site, fault: Fault) -> str:
    """The cluster where a fault is in force, if it was written down."""
    return next((e.cluster for e in Book(site.folder).entries() if e.fault == fault.name), "")


def _check(site: Site, fault: Fault, cluster: str, force: bool) -> None:
    if reason := fault.unavailable(site):
        raise UserError(f"{fault.name} is not available on stack {site.stack}: it {reason}")
    entries = Book(site.folder).entries()
    known = {} if force else rails.look(site)
    in_force = [] if force else entries
    if refused := rails.refusal(fault, cluster, site.clusters, known, in_force):
        raise UserError(refused)


def _break(site: Site, fault: Fault, cluster: str) -> int:
    print(f"{fault.name} strikes {cluster}. {fault.what}", flush=True)
    place = action.write_down(site, fault, cluster)
    tell = action.announcer(site)
    try:
        with action.interruptible():
            action.strike(fault, place, tell)
    except KeyboardInterrupt:
        action.mend(site, fault, cluster, tell)
        raise
    print(f"In force. Its fix: ./demo task fix -- {fault.name} --cluster {cluster}")
    return 0


def _fix(site: Site, fault: Fault, cluster: str) -> int:
    if reason := fault.unavailable(site):
        raise UserError(f"{fault.name} is not available on stack {site.stack}: it {reason}")
    if cluster not in site.clusters:
        known = ", ".join(site.clusters)
        raise UserError(f"There is no cluster {cluster!r}; there are: {known}")
    action.mend(site, fault, cluster, action.announcer(site))
    print(f"{fault.name} in {cluster} is mended.")
    return 0


def _list(site: Site) -> int:
    table = Table("layer", "fault", "what it does", box=None)
    for fault in FAULTS:
        reason = fault.unavailable(site)
        table.add_row(fault.layer, fault.name, fault.what + (f" Not here: {reason}" * bool(reason)))
    view.console().print(table)
    return 0


def _status(site: Site) -> int:
    entries = Book(site.folder).entries()
    recorded = {(e.fault, e.cluster) for e in entries}
    for entry in entries:
        print(f"{entry.cluster}: {entry.fault}, for {time.time() - entry.since:.0f} s")
    others = [(f.name, c) for f, c in action.unrecorded(site) if (f.name, c) not in recorded]
    for name, cluster in others:
        print(f"{cluster}: {name}, which nobody wrote down")
    problems = {name: text for name, text in rails.look(site).items() if text}
    for name, text in problems.items():
        print(f"{name}: {text}")
    if entries or others or problems:
        print("Mend everything: ./demo task heal-all")
        return 1
    print(f"Nothing is broken in stack {site.stack}; all is well.")
    return 0


def _heal(site: Site) -> int:
    failed = action.heal_all(site, print)
    for line in failed:
        print(f"error: {line}", file=sys.stderr)
    return 1 if failed else _status(site)


def _verdict(outcome: drill.Outcome) -> int:
    view.console().print(summary.table(outcome.ledger))
    print("Prediction: " + (outcome.wrong or "right"))
    for check in outcome.ledger.checks:
        word = "met" if check.met else "MISSED"
        print(f"{word:7} {check.name}: {check.measured} (promised {check.promised})")
    print(f"Report: {outcome.folder / 'report.html'}")
    return 1 if outcome.missed else 0


def _all(site: Site, chosen: argparse.Namespace) -> int:
    """Runs every drill, one after the other, and prints the matrix."""
    table = Table("layer", "drill", site.mode, box=None)
    worst = 0
    for fault in FAULTS:
        if reason := fault.unavailable(site):
            table.add_row(fault.layer, fault.name, f"not available: {reason}")
            continue
        cluster = chosen.cluster or prediction.struck_by_default(fault, site.order, EDGE)
        cluster = EDGE if fault.edge else cluster
        try:
            _check(site, fault, cluster, chosen.force)
            outcome = drill.run(site, fault, cluster, _pace(chosen), print)
        except UserError as error:
            table.add_row(fault.layer, fault.name, f"failed: {error}")
            worst = 1
            continue
        part = outcome.ledger.promised
        word = "; ".join(outcome.missed) or "met"
        table.add_row(fault.layer, fault.name, f"lost {part.lost} of {part.sent}, {word}")
        worst = max(worst, bool(outcome.missed))
    view.console().print(table)
    return worst


if __name__ == "__main__":
    sys.exit(main())
