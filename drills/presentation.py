"""The presenter's way: acts in the order of a talk, a pause before each, a recap with numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drills import matrix, prediction
from drills.faults import named
from drills.pace import Pace
from drills.report import write_matrix
from drills.report.matrix_page import Row
from drills.say import Say
from drills.stack import Stack
from foundation.run import interruptible


@dataclass(frozen=True)
class Act:
    """One fault and what the audience should look at while it is shown."""

    title: str
    fault: str
    look: str


ACTS = (
    Act(
        "The workload is lost",
        "workload-gone",
        "The struck cluster's bar empties within a second, the others fill. Its gateway is"
        " still there: it passes requests on to the nearest peer until the edge knows better.",
    ),
    Act(
        "The gateway is lost",
        "gateway-gone",
        "Pods are well and nobody can reach them: the failure that health checks of pods miss."
        " The edge leaves the region by itself.",
    ),
    Act(
        "The workload lies",
        "pods-errors",
        "Every request fails while readiness says well. Only the answers tell, so they are"
        " counted, and the pods are ejected.",
    ),
    Act(
        "A whole cluster loses its power",
        "cluster-power",
        "Nobody says goodbye: connections just hang. The slowest request takes as long as pings"
        " need to find that out, and no request is lost.",
    ),
    Act(
        "A region is cut off",
        "region-cut",
        "All is well on both sides, and no packet gets through. Watch how long the edge needs to"
        " know, and who has the traffic when the link is back.",
    ),
    Act(
        "The mode is switched",
        "mode-switch",
        "One setting and one update. The edge loads its new routes while requests run, and when the"
        " update returns the new mode is in force.",
    ),
)
"""What a talk shows, from the inside out."""

TITLE = "The demo"
"""Of the page of its recap."""


def run(stack: Stack, pace: Pace, say: Say, pause: Callable[[str], None]) -> tuple[list[Row], Path]:
    """Walk through the acts; return the rows of the recap and the page that holds them.

    `pause` is called before each act with what to say. What is not available on this backend is
    left out, with the reason. Raises UserError; interrupted, the page holds the acts that are over,
    and `say` tells where it is.
    """
    what, says = ("The application", "the header x-served-by-cluster says which cluster answered")
    if stack.application.is_portal:
        what, says = ("The bank", "the page says which cluster answered, in its colour")
    say(f"{what}: {stack.url}")
    say(f"lbMode is {stack.mode}: {', then '.join(map(prediction.listed, stack.order))}.")
    say(f"Open it beside this terminal: {says}.")
    if pace.picture:
        say(f"Who gets the traffic, and who takes over: {pace.picture.address}")
    rows: list[Row] = []
    made = matrix.folder("demo")
    try:
        with interruptible():
            _acts(stack, pace, say, pause, rows, made)
    except BaseException:
        if rows:
            say(f"\nThe acts that are over: {write_matrix(made, TITLE, rows)}")
        raise
    return rows, write_matrix(made, TITLE, rows)


def _acts(
    stack: Stack,
    pace: Pace,
    say: Say,
    pause: Callable[[str], None],
    rows: list[Row],
    made: Path,
) -> None:
    """Walk through the acts; add each one's row when it is over, to the page as well."""
    for number, act in enumerate(ACTS, 1):
        fault = named(act.fault)
        say(f"\nAct {number} of {len(ACTS)}: {act.title}")
        if reason := fault.unavailable(stack):
            say(f"Left out here: it {reason}.")
            continue
        say(f"Look at this: {act.look}")
        pause(f"Enter starts {act.fault}; Ctrl-C ends the talk.")
        rows.append(matrix.row(stack, fault, pace, say, None))
        say(matrix.line(rows[-1]))
        write_matrix(made, TITLE, rows)
