"""Several drills one after the other, in several modes: the matrix."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from drills import action, drill, preconditions, prediction, temporary_settings
from drills.drill import Outcome
from drills.faults import Fault
from drills.faults.operation import OTHER_SETTINGS
from drills.pace import Pace
from drills.report import write_matrix
from drills.report.matrix_page import Row, Verdict, by_mode, modes_of
from drills.say import Say
from drills.stack import Stack
from drills.traffic import provenance
from drills.traffic.summary import losses
from foundation import project, tables
from foundation.errors import UserError
from foundation.run import interruptible
from launcher import leftovers

WELL_SECONDS = 90
"""How long the stack may take to be well again after a drill."""


def run(
    stack: Stack,
    faults: Sequence[Fault],
    modes: Sequence[str],
    pace: Pace,
    say: Say,
    cluster: str | None = None,
    force: bool = False,
) -> tuple[list[Row], Path]:
    """Run every drill in every mode; return the rows and the page that holds them.

    What cannot be carried out is a row that says why; the others go on. The page is written after
    each drill; when it is interrupted `say` tells where it is. Raises UserError where other
    settings are in force already: the end of one run would take those of the other back.
    """
    if any(entry.fault == OTHER_SETTINGS.name for entry in preconditions.in_force(stack)):
        raise UserError(
            f"Stack {stack.name} has other settings in force, of a drill that runs or was killed."
            f" When none runs: {project.task('heal-all', stack.name)}"
        )
    made = folder("matrix")
    title = f"Drills of stack {stack.name}"
    rows: list[Row] = []
    count = len(faults) * len(modes)
    every = [(mode, fault) for mode in modes for fault in faults]
    try:
        with interruptible():
            for mode in modes:
                left = list(faults)
                changes = {} if mode == stack.mode else {"lbMode": mode}
                try:
                    with temporary_settings.other(stack, changes, say) as there:
                        while left:
                            say(f"\n{len(rows) + 1} of {count}, {mode}: {left[0].name}")
                            rows.append(row(there, left[0], pace, say, cluster, force))
                            say(line(rows[-1]))
                            del left[0]
                            write_matrix(made, title, rows)
                except UserError as error:  # the mode could not be had, or not be left
                    say(f"error: {error}")
                    # not left: the stack is in this mode still, whatever came of the drills
                    failed = left or [OTHER_SETTINGS]
                    rows += [
                        Row(str(f.layer), f.name, mode, Verdict.FAILED, str(error)) for f in failed
                    ]
    except BaseException:
        known = {(row.mode, row.drill) for row in rows}
        missing = [(mode, fault) for mode, fault in every if (mode, fault.name) not in known]
        why = "interrupted before its end"
        rows += [Row(str(f.layer), f.name, m, Verdict.FAILED, why) for m, f in missing]
        say(f"Matrix: {write_matrix(made, title, rows)}")
        raise
    return rows, write_matrix(made, title, rows)


def row(
    stack: Stack, fault: Fault, pace: Pace, say: Say, cluster: str | None, force: bool = False
) -> Row:
    """Run one drill when the stack is well; return what came of it, errors for people included.

    After an error everything is healed, so that the next drill finds a well stack.
    """
    found = Row(str(fault.layer), fault.name, stack.mode, Verdict.UNAVAILABLE)
    if reason := fault.unavailable(stack):
        return dataclasses.replace(found, reason=reason)
    before = preconditions.in_force(stack)
    try:
        struck = None if fault.edge else cluster
        outcome = one(stack, fault, struck, pace, say, force, patience=WELL_SECONDS)
    except UserError as error:
        action.heal_new(stack, before, say)  # else the next ones wait in vain
        return dataclasses.replace(found, verdict=Verdict.FAILED, reason=str(error))
    return of(outcome, stack.mode)


def of(outcome: Outcome, mode: str) -> Row:
    """Return the row of a drill that was carried out."""
    return Row(
        layer=str(outcome.fault.layer),
        drill=outcome.fault.name,
        mode=mode,
        verdict=Verdict.MISSED if outcome.missed else Verdict.MET,
        reason="; ".join(outcome.missed),
        ledger=outcome.ledger,
        folder=f"../{outcome.folder.name}",
    )


def line(row: Row) -> str:
    """Return what came of a drill, in one line, with what its lost requests got instead."""
    words = [row.figures]  # without a ledger they are the reason
    if row.ledger:
        words += [row.reason, *losses(row.ledger)]
    return f"{row.verdict}: {'; '.join(filter(None, words))}"


def folder(what: str) -> Path:
    """Return the folder for the pages of several drills that begin now."""
    return project.ROOT / "reports" / provenance.run_id(what, time.time())


def is_good(rows: Sequence[Row]) -> bool:
    """Check whether drills were carried out, all that can be here, and met their objectives."""
    verdicts = {row.verdict for row in rows}
    return Verdict.MET in verdicts and verdicts <= {Verdict.MET, Verdict.UNAVAILABLE}


def table(rows: Sequence[Row]) -> Table:
    """Return the matrix for a terminal: a line a drill, a column a mode."""
    grid = tables.folded(("layer", "drill", *modes_of(rows)))
    for layer, name, found in by_mode(rows):
        grid.add_row(layer, name, *map(_text, found))
    return grid


def _text(row: Row | None) -> Text:
    if row is None:
        return Text("-")
    words = f"{row.verdict}: {row.figures}"
    return Text(
        words, {Verdict.MET: "green", Verdict.UNAVAILABLE: "dim"}.get(row.verdict, "bold red")
    )


def one(
    stack: Stack,
    fault: Fault,
    cluster: str | None,
    pace: Pace,
    say: Say,
    force: bool = False,
    patience: float = 0.0,
) -> Outcome:
    """Run one drill, if its preconditions hold. `patience`: seconds to wait for a well stack.

    Raises UserError.
    """
    struck = cluster or prediction.struck_by_default(fault, stack.order)
    if patience and not force:
        preconditions.await_well(stack, patience)
    check(stack, fault, struck, force)
    return drill.run(stack, fault, struck, pace, say, force)


def check_platform(stack: Stack) -> None:
    """Raise UserError if drills cannot judge what the stack's gateways do."""
    if stack.platform != "envoy":
        raise UserError(
            f"Stack {stack.name} is on platform {stack.platform}, and drills judge by what our own "
            "Envoys promise. Break and count by hand: ./demo task break, fix, generate-traffic"
        )


def check(stack: Stack, fault: Fault, cluster: str, force: bool) -> None:
    """Raise UserError if a fault must not, or cannot, be made now."""
    if reason := fault.unavailable(stack):
        raise UserError(f"{fault.name} is not available on stack {stack.name}: it {reason}")
    if not force:
        leftovers.check_idle(os.environ, stack.name)
    known = {} if force else preconditions.look(stack)
    in_force = [] if force else preconditions.in_force(stack)
    heal = project.task("heal-all", stack.name)
    if refused := preconditions.refusal(fault, cluster, stack.clusters, known, in_force, heal):
        raise UserError(refused)
