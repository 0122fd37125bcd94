"""`./demo task`: break something on purpose, count what it costs, mend it."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.table import Column, Table

from drills import (
    action,
    drill,
    failback,
    live_picture,
    matrix,
    preconditions,
    prediction,
    presentation,
    report,
    status,
    temporary_settings,
)
from drills.alone import only_drill
from drills.arguments import interrupted, parser
from drills.compare import balancers, stack_access
from drills.faults import FAULTS, KNOWN, Fault, named
from drills.journal import Journal
from drills.pace import Pace
from drills.report.matrix_page import Row, headline
from drills.say import say
from drills.stack import Stack
from drills.traffic import summary
from foundation import project, tables
from foundation.entry import entry
from foundation.errors import UserError
from foundation.run import interruptible


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    chosen = parser(__doc__).parse_args(arguments)
    return entry(lambda: _run(chosen), interrupted=interrupted(chosen.stack))


def _run(chosen: argparse.Namespace) -> int:
    names = [chosen.name] if hasattr(chosen, "name") else getattr(chosen, "names", [])
    known = KNOWN if chosen.command == "fix" else FAULTS
    if len(set(names)) < len(names):
        raise UserError("A fault is named twice; name each one once")
    every = chosen.command == "run" and names == ["all"]
    faults = FAULTS if every else tuple(named(name, known) for name in names)
    if profile := getattr(chosen, "profile", None):
        if len(faults) != 1 or len(chosen.mode or []) > 1:
            raise UserError("--profile compares two runs of one drill in one mode; name one")
        if not profile.is_file():
            raise UserError(f"There is no profile {profile}")
    stack = Stack.selected(chosen.stack, chosen.elsewhere)
    if chosen.command in ("run", "demo"):
        matrix.check_platform(stack)
        with only_drill(stack), contextlib.ExitStack() as served:
            picture = None
            if chosen.picture:
                picture = served.enter_context(live_picture.served(stack.name, say))
            return _carry_out(stack, faults, chosen, picture)
    return _carry_out(stack, faults, chosen)


def _carry_out(
    stack: Stack,
    faults: Sequence[Fault],
    chosen: argparse.Namespace,
    picture: live_picture.LivePicture | None = None,
) -> int:
    match chosen.command:
        case "list":
            return _list(stack)
        case "status":
            return status.show(stack)
        case "heal-all":
            return status.heal(stack)
        case "failback":
            with interruptible():  # Pulumi is told to end, and waited for
                failback.bring_back(stack, say)
            return 0
        case "run":
            return _drill(stack, faults, chosen, _pace(chosen, picture))
        case "demo":
            return _guide(stack, chosen, _pace(chosen, picture))
    fault = faults[0]
    cluster = chosen.cluster or (_where(stack, fault) if chosen.command == "fix" else "")
    cluster = cluster or prediction.struck_by_default(fault, stack.order)
    if chosen.command == "fix":
        return _fix(stack, fault, cluster)
    with contextlib.nullcontext() if chosen.force else only_drill(stack):
        matrix.check(stack, fault, cluster, chosen.force)
        return _break(stack, fault, cluster)


def _drill(stack: Stack, faults: Sequence[Fault], chosen: argparse.Namespace, pace: Pace) -> int:
    """Run what was chosen: one drill, one by two profiles, or many as a matrix."""
    usual = ["active", "standby"] if faults is FAULTS else [stack.mode]
    modes = list(dict.fromkeys(chosen.mode or usual))
    if pace.beside:
        stack_access.check(stack)
    if len(faults) > 1 or len(modes) > 1:
        return _recap(*matrix.run(stack, faults, modes, pace, say, chosen.cluster, chosen.force))

    struck = chosen.cluster or prediction.struck_by_default(faults[0], stack.order)
    matrix.check(stack, faults[0], struck, chosen.force)  # before anything is changed for it
    changes = {} if modes == [stack.mode] else {"lbMode": modes[0]}
    ways = [changes]
    if chosen.profile:
        here = ["--clusters", str(len(stack.application_clusters)), "--mode", modes[0]]
        # a program of its own: drills know the stack by its outputs, not by its program
        lint = [sys.executable, "-m", "components.profile.lint", str(chosen.profile), *here]
        if subprocess.run(lint, check=False).returncode > 1:
            return 1
        ways.append({**changes, "httpProfile": str(chosen.profile.resolve())})
    outcomes = []
    for way in ways:
        with temporary_settings.other(stack, way, say) as there:
            outcomes.append(matrix.one(there, faults[0], chosen.cluster, pace, say, chosen.force))
            _show(outcomes[-1])
    if chosen.profile:
        report.print_comparison(outcomes[0].folder, outcomes[1].folder)
    return 1 if any(outcome.missed for outcome in outcomes) else 0


def _where(stack: Stack, fault: Fault) -> str:
    """Return the cluster where a fault is in force, if it was written down."""
    return next((e.cluster for e in Journal(stack.folder).entries() if e.fault == fault.name), "")


def _break(stack: Stack, fault: Fault, cluster: str) -> int:
    say(f"{fault.name} strikes {cluster}. {fault.what}")
    predicted = prediction.of(fault, cluster, stack)
    strike = action.write_down(stack, fault, cluster)
    tell = action.announcer(stack)
    try:
        with interruptible():
            action.make_predicted(fault, strike, predicted, tell)
    except BaseException:
        action.mend(stack, fault, cluster, tell)
        raise
    way = " --elsewhere" if stack.elsewhere else ""
    fix = project.task("fix", stack.name, fault.name, "--cluster", cluster)
    print(f"In force. Its fix: {fix}{way}")
    if fault.load:
        run = project.task("drill", stack.name, fault.name, "--cluster", cluster)
        print(f"The load is not sent, which only a drill does: {run}")
    return 0


def _fix(stack: Stack, fault: Fault, cluster: str) -> int:
    if reason := fault.unavailable(stack):
        raise UserError(f"{fault.name} is not available on stack {stack.name}: it {reason}")
    if wrong := preconditions.misplaced(fault, cluster, stack.clusters):
        raise UserError(wrong)
    entries = preconditions.in_force(stack)
    recorded = (fault.name, cluster) in {(entry.fault, entry.cluster) for entry in entries}
    was_broken = recorded or action.is_seen(stack, fault, cluster)
    action.mend(stack, fault, cluster, action.announcer(stack))
    if not was_broken:
        print(f"{fault.name} was not in force in {cluster}; its fix ran all the same.")
        return 0
    print(f"{fault.name} in {cluster} is mended.")
    if stack.failback == failback.MANUAL:
        print(f"What it has put out stays out until: {project.task('failback', stack.name)}")
    return 0


def _list(stack: Stack) -> int:
    name = Column("fault", no_wrap=True)  # it is to be typed
    means = Column("by what means", overflow="fold")
    table = Table("layer", name, "what it does", means, box=None)
    for fault in FAULTS:
        reason = fault.unavailable(stack)
        how = f"Not available here: it {reason}" if reason else fault.means.how
        table.add_row(fault.layer, fault.name, fault.what, how)
    tables.console().print(table)
    return 0


def _guide(stack: Stack, chosen: argparse.Namespace, pace: Pace) -> int:
    """Guide through the talk; without a terminal nobody can be waited for."""

    def pause(text: str) -> None:
        if sys.stdin.isatty() and not chosen.no_pause:
            with contextlib.suppress(EOFError):
                input(f"{text} ")

    return _recap(*presentation.run(stack, pace, say, pause))


def _recap(rows: Sequence[Row], page: Path) -> int:
    print(f"\n{headline(rows)[0]}.")
    tables.console().print(matrix.table(rows))
    print(f"Matrix: {page}")
    return 0 if matrix.is_good(rows) else 1


def _pace(chosen: argparse.Namespace, picture: live_picture.LivePicture | None) -> Pace:
    beside = tuple(balancers.named(getattr(chosen, "beside", None) or []))
    return Pace.chosen(chosen, beside, picture)


def _show(outcome: drill.Outcome) -> None:
    tables.console().print(summary.table(outcome.ledger))
    print("Prediction: " + ("; ".join(outcome.wrong) or outcome.unjudged or "right"))
    for check in outcome.ledger.checks:
        word = "met" if check.met else "MISSED"
        print(f"{word:7} {check.name}: {check.measured} (promised {check.promised})")
    say(f"Report: {outcome.folder / 'report.html'}")


if __name__ == "__main__":
    sys.exit(main())
