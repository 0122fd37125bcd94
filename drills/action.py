"""Breaking and mending, written down before and crossed out after."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import signal
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from drills.answers import Answers
from drills.faults import FAULTS, KNOWN, Fault, Layer, Moves, Strike, named
from drills.journal import Entry, Journal
from drills.preconditions import in_force
from drills.prediction import Prediction
from drills.say import Say
from drills.stack import EDGE, Stack
from drills.traffic import Event, EventKind, events
from foundation import project, run
from foundation.errors import UserError

_UNANSWERED = (OSError, xmlrpc.client.Error)

LAST_ANSWERS = 1.0
"""Seconds after an update in which a kept-alive connection may get its last answer from before."""

_LOOKS = 6
"""How many faults are looked for at once, for each cluster."""


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Keep these signals away while something is mended; one that came is raised after it."""
    came: list[int] = []
    try:
        with run.handling(run.ENDING, lambda number, _: came.append(number)):
            yield
    finally:
        if came:
            signal.raise_signal(came[0])


def write_down(stack: Stack, fault: Fault, cluster: str) -> Strike:
    """Write the fault down; return the strike that `make` and `mend` need."""
    memory = fault.means.remember(Strike(stack, cluster))
    entry = Journal(stack.folder).add(Entry(fault.name, cluster, time.time(), memory))
    return Strike(stack, cluster, entry.memory)


def make(fault: Fault, strike: Strike, tell: Callable[[Event], None]) -> None:
    """Make a fault that was written down. Raises UserError if it does not take effect."""
    try:
        with fault.means.armed(strike) as trigger:
            tell(Event(time.time(), EventKind.FAULT, fault.name, strike.cluster, fault.what))
            trigger()
    except _UNANSWERED as error:  # what runs the node's programs does not answer, say
        raise UserError(f"{fault.name} in {strike.cluster} is not made: {error}") from None


def make_predicted(
    fault: Fault, strike: Strike, predicted: Prediction, tell: Callable[[Event], None]
) -> None:
    """Make a fault, and tell who may answer from then on. Raises UserError (see `make`)."""
    stack = strike.stack
    gone = fault.moves is Moves.ALL and not fault.edge and not fault.update
    # while an update goes on, or where nobody can say, all may answer
    open_ = fault.update or predicted.during is None
    everyone = tuple(itertools.chain(*stack.order))
    serving = predicted.during if gone else everyone if open_ else None
    within = fault.grace_at(stack)
    make(fault, strike, lambda e: tell(dataclasses.replace(e, serving=serving, within=within)))
    if fault.update:
        switch = Event(time.time(), EventKind.SWITCH, fault.name, strike.cluster)
        text = "The update has returned."
        tell(dataclasses.replace(switch, text=text, serving=predicted.during, within=LAST_ANSWERS))


def mend(stack: Stack, fault: Fault, cluster: str, tell: Callable[[Event], None]) -> None:
    """Mend a fault, known or not, and cross it out. Raises UserError if it does not heal."""
    journal = Journal(stack.folder)
    with undisturbed():
        known = [e for e in journal.entries() if (e.fault, e.cluster) == (fault.name, cluster)]
        with contextlib.suppress(OSError):  # a full disk must not keep anything broken
            tell(Event(time.time(), EventKind.FIX, fault.name, cluster))
        try:
            fault.means.mend(Strike(stack, cluster, known[0].memory if known else {}))
        except _UNANSWERED as error:  # what runs the node's programs does not answer, say
            raise UserError(
                f"{fault.name} in {cluster} is not mended: {error}."
                f" Again: {project.task('heal-all', stack.name)}"
            ) from None
        journal.remove(fault.name, cluster)


def announcer(stack: Stack) -> Callable[[Event], None]:
    """Return a function that tells the generators in other terminals of an event."""
    return lambda event: events.announce(stack.folder, event)


def unrecorded(stack: Stack) -> list[tuple[Fault, str]]:
    """Return faults that can be seen in the clusters, whether or not anybody wrote them down.

    Several are looked for at once, for each look at an API server that is silent takes seconds.
    """
    looked_at = dataclasses.replace(stack, answers=Answers())

    looks = [
        (fault, cluster)
        for cluster in stack.clusters
        for fault in FAULTS
        if fault.edge == (cluster == EDGE) and not fault.unavailable(stack)
    ]
    with ThreadPoolExecutor(max_workers=_LOOKS * len(stack.clusters)) as pool:
        found = pool.map(lambda each: is_seen(looked_at, *each), looks)
        return [each for each, seen in zip(looks, found, strict=True) if seen]


def is_seen(stack: Stack, fault: Fault, cluster: str) -> bool:
    """Check whether a fault can be seen; in a cluster that is silent none can."""
    try:
        return fault.means.seen(Strike(stack, cluster))
    except (UserError, *_UNANSWERED):
        return False


def heal_all(stack: Stack, say: Say) -> list[str]:
    """Mend all that is broken; return what could not be mended, a line each.

    Settings that the stack has otherwise on purpose stay.

    Clusters go first: without power or control plane nothing else heals. Updates by Pulumi come
    last: they need all clusters. What shows only when something else is mended is mended too.
    """
    tell = announcer(stack)
    failed: list[str] = []
    done: set[tuple[str, str]] = set()
    names = {fault.name for fault in KNOWN}
    entries = in_force(stack)
    for entry in entries:
        if entry.fault not in names:
            failed.append(
                f"{entry.fault} in {entry.cluster} is a fault that this version does not know; fix "
                f"it with the version that made it, or delete it from {Journal(stack.folder).file}"
            )
    broken = [(named(e.fault, KNOWN), e.cluster) for e in entries if e.fault in names]
    broken = broken or unrecorded(stack)
    while broken:
        for fault, cluster in sorted(broken, key=lambda each: _turn(each[0])):
            done.add((fault.name, cluster))
            say(f"mending {fault.name} in {cluster}")
            try:
                mend(stack, fault, cluster, tell)
            except UserError as error:
                failed.append(f"{fault.name} in {cluster} is not mended: {error}")
        broken = [each for each in unrecorded(stack) if (each[0].name, each[1]) not in done]
    return failed


def heal_new(stack: Stack, before: Sequence[Entry], say: Say) -> None:
    """Mend all that is broken, if anything is that was not before: that is somebody else's."""
    if any(each not in before for each in in_force(stack)):
        heal_all(stack, say)


def _turn(fault: Fault) -> tuple[bool, bool, int]:
    return fault.update, fault.layer is not Layer.CLUSTER, -KNOWN.index(fault)
