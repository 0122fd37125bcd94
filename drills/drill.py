"""One drill: baseline, fault, fix, failback; its ledger, and the verdict."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from drills import action, failback, guard, preconditions, prediction, report, update
from drills.compare import stack_access
from drills.compare.beside import beside
from drills.cpu_steal import CpuSteal
from drills.faults import Fault, Moves
from drills.live_view import Watch
from drills.observer import Observer
from drills.pace import Pace, loaded
from drills.prediction import Prediction
from drills.promises import header_of
from drills.report.run import UNEXPECTED
from drills.say import Say
from drills.shares import nobody, returned, settled
from drills.stack import Stack
from drills.traffic import Event, EventKind, LanePlan, events
from drills.traffic.accounts import ledger_of
from drills.traffic.ending import CUT, FAILBACK
from drills.traffic.generator import Traffic
from drills.traffic.ledger import Ledger
from drills.traffic.portal import PortalLogs, source_for
from drills.updates import Updates
from foundation import project
from foundation.errors import UserError
from foundation.run import interruptible

FAILBACK_SECONDS = 90
"""How long the struck cluster may take to have its share again after the fix."""

HELD_SECONDS = 8.0
"""How long a drill looks whether a cluster stays out that is to be brought back by hand. By then
nothing else keeps it out: what was ejected returns after 5 s (`manifests/http-profile.yaml`)."""


@dataclass(frozen=True)
class Outcome:
    """What came of a drill."""

    fault: Fault
    cluster: str
    ledger: Ledger
    folder: Path
    wrong: tuple[str, ...]
    """What did not come as predicted, each in a few words."""
    unjudged: str = ""
    """Why no prediction is judged; empty if it is."""

    @property
    def missed(self) -> list[str]:
        """What was promised and not kept, each in a few words."""
        found = [
            f"{check.name} {check.measured} (promised {check.promised})"
            for check in self.ledger.checks
            if not check.met
        ]
        return found + list(self.wrong)


def run(
    stack: Stack, fault: Fault, cluster: str, pace: Pace, say: Say, force: bool = False
) -> Outcome:
    """Run a drill. Raises UserError or TrafficError; whatever happens, the fault is mended.

    Without `force` nothing is broken where somebody else has broken something meanwhile.
    """
    if not pace.beside:
        return _run(stack, fault, cluster, pace, say, (), force)
    stack_access.check(stack)
    with beside(stack, pace.beside, say) as others:
        return _run(stack, fault, cluster, pace, say, others.lanes, force)


def _run(
    stack: Stack,
    fault: Fault,
    cluster: str,
    pace: Pace,
    say: Say,
    lanes: Sequence[LanePlan],
    force: bool,
) -> Outcome:
    predicted = prediction.of(fault, cluster, stack)
    load = fault.load(stack, predicted.during or ()) if fault.load else None
    plan = pace.plan(stack, lanes)
    plan = loaded(plan, stack, load) if load else plan
    say(f"{fault.name} strikes {cluster}. {fault.what}")
    say(f"Predicted: {predicted.text}")
    folder, header = header_of(stack, fault, cluster, load, pace.is_own(stack))
    traffic = Traffic(plan, header, folder)
    source = source_for(stack.application.is_portal)
    logs = PortalLogs(stack.kubeconfig, stack.application_clusters, traffic.add, source)
    watch = Watch(traffic, header.title, plan.uncounted)
    tell = _teller(stack, traffic, watch)
    answered: set[str] = set()
    wrong: list[str] = []
    unjudged = ""
    observer = Observer(stack, fault, cluster, tell)
    updates = Updates(stack)
    recorded = pace.picture.recorded(folder, say) if pace.picture else contextlib.nullcontext()
    with (
        interruptible(), _kept(traffic, say), recorded, traffic, logs, watch, observer,
        CpuSteal(tell), _cut_noted(tell), updates.followed(),
    ):  # fmt: skip
        tell(Event(time.time(), EventKind.NOTE, "expected", text=predicted.text))
        tell(Event(time.time(), EventKind.PHASE, "baseline"))
        traffic.wait(pace.baseline)
        before = settled(stack, traffic, pace.baseline, say)
        traffic.check()  # before anything is broken
        if not (before or force):
            raise UserError(nobody(stack.name, traffic.recent(pace.baseline)))
        known = [] if force else preconditions.in_force(stack)
        heal = project.task("heal-all", stack.name)
        if refused := preconditions.refusal(fault, cluster, stack.clusters, {}, known, heal):
            raise UserError(refused)
        with _mended(stack, fault, cluster, tell) as make:
            make(predicted)
            if load:
                traffic.set_rate(load.during)
                say(f"{load.during:g} requests/s are sent, {load.usual:g} before.")
            held = time.monotonic() + pace.hold
            say(f"In force; held for {pace.hold:g} s.")
            traffic.wait(max(0.0, held - time.monotonic()))
            recent = traffic.recent(pace.hold / 2)
            judged = [sample for sample in recent if sample.repeatable] or recent
            answered = {sample.cluster for sample in judged if not sample.lost}
            if load:
                traffic.set_rate(load.usual)
            say("Mending.")
        traffic.check()  # else the rest would be judged by nothing
        tell(Event(time.time(), EventKind.PHASE, FAILBACK))
        wrong += _brought_back(stack, fault, cluster, traffic, tell, say)
        patience = FAILBACK_SECONDS + 2 * stack.ramp  # a fault may have struck twice
        wrong += returned(traffic, before, updates, patience)
        traffic.wait(1.0)  # what comes late is counted too
        traffic.check()
        if switched := updates.switched:
            how = f"An update in another terminal changed who answers (mode {switched.mode})"
            unjudged = f"not judged. {how}."
            tell(Event(time.time(), EventKind.NOTE, "update", text=how))
        else:
            wrong += [text for text in [prediction.score(predicted, answered)] if text]
        for text in wrong:
            tell(Event(time.time(), EventKind.NOTE, UNEXPECTED, cluster, text))
        traffic.halt()
        logs.settle_answered(traffic.recent(60))
    outcome = Outcome(fault, cluster, ledger_of(traffic.path), folder, tuple(wrong), unjudged)
    report.write(folder)
    return outcome


@contextlib.contextmanager
def _kept(traffic: Traffic, say: Say) -> Iterator[None]:
    """Write the report of a drill that does not come to its end, too, and say where it is."""
    try:
        yield
    except BaseException:
        if traffic.count:
            with action.undisturbed():
                try:
                    say(f"What was counted until then: {report.write(traffic.path.parent)}")
                except (UserError, OSError) as error:  # a full disk, say; it hides no other error
                    say(f"There is no report of {traffic.path}: {error}")
        raise


@contextlib.contextmanager
def _cut_noted(tell: Callable[[Event], None]) -> Iterator[None]:
    """Put on the record why a drill does not come to its end: no objective is judged then."""
    try:
        yield
    except BaseException as error:
        is_interrupt = isinstance(error, KeyboardInterrupt)
        why = "interrupted" if is_interrupt else str(error) or type(error).__name__
        with contextlib.suppress(OSError):  # a full disk, say
            tell(Event(time.time(), EventKind.NOTE, CUT, text=why))
        raise


def _brought_back(
    stack: Stack,
    fault: Fault,
    cluster: str,
    traffic: Traffic,
    tell: Callable[[Event], None],
    say: Say,
) -> list[str]:
    """Bring clusters back where that is done by hand; return what was wrong until then."""
    if stack.failback != failback.MANUAL or fault.update:
        return []
    traffic.wait(HELD_SECONDS)
    wrong = []
    answered = {sample.cluster for sample in traffic.recent(HELD_SECONDS / 2)}
    if fault.moves is Moves.ALL and not fault.edge and cluster in answered:
        wrong.append(f"{cluster} answered again before anybody brought it back")
    for line in failback.told(stack):
        say(line)
    say("An update brings it back.")
    tell(Event(time.time(), EventKind.NOTE, "failback", cluster, "brought back by an update"))
    update.up(stack, stack.changes, failback.TRIGGER)
    return wrong


@contextlib.contextmanager
def _mended(
    stack: Stack, fault: Fault, cluster: str, tell: Callable[[Event], None]
) -> Iterator[Callable[[Prediction], None]]:
    """Write the fault down, hand out what makes it, and mend it however the block ends."""

    def make(predicted: Prediction) -> None:
        action.make_predicted(fault, strike, predicted, tell)

    def fixed(event: Event) -> None:
        tell(dataclasses.replace(event, serving=tuple(itertools.chain(*stack.order))))

    with guard.standing(stack, fault, cluster):
        try:
            strike = action.write_down(stack, fault, cluster)
            yield make
        finally:
            action.mend(stack, fault, cluster, fixed)


def _teller(stack: Stack, traffic: Traffic, watch: Watch) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        watch.event(event)
        with contextlib.suppress(ValueError):  # its record is closed already
            traffic.mark(event)
        events.announce(stack.folder, event)

    return tell
