"""One drill: baseline, fault, fix, failback; its ledger, and the verdict."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from drills import action, failback, guard, prediction, report, stack_outputs, update
from drills.arguments import STREAMS
from drills.compare import stack_access
from drills.compare.balancers import Balancer
from drills.compare.beside import beside
from drills.cpu_steal import CpuSteal
from drills.faults import Fault, Load, Moves
from drills.live_picture import LivePicture
from drills.live_view import Watch
from drills.observer import Observer
from drills.prediction import Order, Prediction
from drills.report.run import UNEXPECTED
from drills.stack import Stack, Weights
from drills.traffic import (
    Event,
    EventKind,
    Header,
    LanePlan,
    Objectives,
    Request,
    Sample,
    TrafficPlan,
    events,
    provenance,
)
from drills.traffic.accounts import ledger_of
from drills.traffic.generator import Traffic
from drills.traffic.ledger import Ledger
from drills.traffic.portal import PortalLogs, source_for
from drills.waiting import until
from foundation import project
from foundation.errors import UserError

FAILBACK_SECONDS = 90
"""How long the struck cluster may take to have its share again after the fix."""

SETTLE_SECONDS = 15
"""How long a drill waits until the traffic is shared as the weights say. What failed before it may
still be ejected: 5 s by `manifests/http-profile.yaml`, longer by a profile whose times grow."""

HELD_SECONDS = 8.0
"""How long a drill looks whether a cluster stays out that is to be brought back by hand. By then
nothing else keeps it out: what was ejected returns after 5 s (`manifests/http-profile.yaml`)."""

LAST_ANSWERS = 1.0
"""Seconds after an update in which a kept-alive connection may get its last answer from before."""

HERD = 0.5
"""Of its former rate, what a cluster may get in the first second of a ramped return: the first step
is a tenth, and pods of the edge may be a moment apart."""

SHORTEST_RAMP = 8.0
"""Seconds of a ramp whose second step is surely not in the first second."""

_BACK = 0.8
"""Part of its former share at which a cluster counts as back."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Pace:
    """How a drill is run."""

    rate: float = 100.0
    baseline: float = 5.0
    """Seconds of traffic before the fault."""
    hold: float = 8.0
    """Seconds between the fault's effect and its fix."""
    beside: tuple[Balancer, ...] = ()
    """Balancers through which the same goes beside it."""
    requests: tuple[Request, ...] = ()
    """Requests of a user's own; none: the portal's."""
    streams: int | None = None
    """Streams of each kind; None: some where the application is the portal."""
    picture: LivePicture | None = None
    """What records the live picture of the run."""

    def plan(self, stack: Stack, lanes: Sequence[LanePlan] = ()) -> TrafficPlan:
        """Return what is sent to a stack, and beside it by lanes to compare with."""
        streams = STREAMS if stack.application.is_portal else 0
        plan = TrafficPlan.to(
            stack.url,
            rate=self.rate,
            ca_file=str(stack.ca_file or ""),
            streams=streams if self.streams is None else self.streams,
        )
        if self.requests:
            plan = dataclasses.replace(plan, requests=self.requests)
        return plan.beside(lanes, stack.application.host) if lanes else plan


@dataclass(frozen=True)
class Outcome:
    """What came of a drill."""

    fault: Fault
    cluster: str
    ledger: Ledger
    folder: Path
    predicted: Prediction
    wrong: tuple[str, ...]
    """What did not come as predicted, each in a few words."""

    @property
    def missed(self) -> list[str]:
        """What was promised and not kept, each in a few words."""
        found = [
            f"{check.name} {check.measured} (promised {check.promised})"
            for check in self.ledger.checks
            if not check.met
        ]
        return found + list(self.wrong)


def run(stack: Stack, fault: Fault, cluster: str, pace: Pace, say: Say) -> Outcome:
    """Run a drill. Raises UserError or TrafficError; whatever happens, the fault is mended."""
    if not pace.beside:
        return _run(stack, fault, cluster, pace, say, ())
    stack_access.check(stack)
    with beside(stack, pace.beside, say) as others:
        return _run(stack, fault, cluster, pace, say, others.lanes)


def _run(
    stack: Stack, fault: Fault, cluster: str, pace: Pace, say: Say, lanes: Sequence[LanePlan]
) -> Outcome:
    during = fault.during(stack, cluster) if fault.during else None
    predicted = prediction.predict(fault, cluster, stack.order, during)
    load = fault.load(stack, predicted.during or ()) if fault.load else None
    plan = pace.plan(stack, lanes)
    plan = _loaded(plan, stack, load) if load else plan
    say(f"{fault.name} strikes {cluster}. {fault.what}")
    say(f"Predicted: {predicted.text}")
    folder, header = _header(stack, fault, cluster, load)
    traffic = Traffic(plan, header, folder)
    source = source_for(stack.application.is_portal)
    logs = PortalLogs(stack.kubeconfig, stack.application_clusters, traffic.add, source)
    watch = Watch(traffic, header.title, plan.uncounted)
    tell = _teller(stack, traffic, watch)
    answered: set[str] = set()
    wrong: list[str] = []
    observer = Observer(stack, fault, cluster, tell)
    recorded = pace.picture.recorded(folder, say) if pace.picture else contextlib.nullcontext()
    with (
        action.interruptible(),
        recorded,
        traffic,
        logs,
        watch,
        observer,
        CpuSteal(tell),
    ):
        tell(Event(time.time(), EventKind.NOTE, "expected", text=predicted.text))
        tell(Event(time.time(), EventKind.PHASE, "baseline"))
        traffic.wait(pace.baseline)
        before = settled(stack, traffic, pace.baseline, say)
        if not traffic.running:
            traffic.stop()  # says why it has ended
            raise UserError("The traffic has ended before its time; nothing was broken")
        with _mended(stack, fault, cluster, tell) as make:
            make(predicted)
            if load:
                traffic.set_rate(load.during)
                say(f"{load.during:g} requests/s are sent, {load.usual:g} before.")
            held = time.time() + pace.hold
            say(f"In force; held for {pace.hold:g} s.")
            traffic.wait(max(0.0, held - time.time()))
            recent = traffic.recent(pace.hold / 2)
            answered = {s.cluster for s in recent if s.repeatable and not s.lost}
            if load:
                traffic.set_rate(load.usual)
            say("Mending.")
        tell(Event(time.time(), EventKind.PHASE, "failback"))
        wrong += _brought_back(stack, fault, cluster, traffic, tell, say)
        what = "Every cluster has its share of the traffic again"
        patience = FAILBACK_SECONDS + 2 * stack.ramp  # a fault may have struck twice
        try:
            until(lambda: is_back(traffic.recent(1.0), before), what, patience)
        except UserError as error:
            wrong.append(str(error))
        traffic.wait(1.0)  # what comes late is counted too
        wrong += [text for text in [prediction.score(predicted, answered)] if text]
        for text in wrong:
            tell(Event(time.time(), EventKind.NOTE, UNEXPECTED, cluster, text))
        traffic.halt()
        logs.settle({s.pod: s.id for s in traffic.recent(60) if not s.lost}.values())
    outcome = Outcome(fault, cluster, ledger_of(traffic.path), folder, predicted, tuple(wrong))
    report.write(folder)
    return outcome


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
    for line in failback.lines(failback.look(stack)):
        say(line)
    say("An update brings it back.")
    changes = {**stack.changes, **failback.trigger()}
    tell(Event(time.time(), EventKind.NOTE, "failback", cluster, "brought back by an update"))
    update.up(stack, changes)
    return wrong


@contextlib.contextmanager
def _mended(
    stack: Stack, fault: Fault, cluster: str, tell: Callable[[Event], None]
) -> Iterator[Callable[[Prediction], None]]:
    """Write the fault down, hand out what makes it, and mend it however the block ends."""

    everyone = tuple(itertools.chain(*stack.order))

    def make(predicted: Prediction) -> None:
        gone = fault.moves is Moves.ALL and not fault.edge and not fault.update
        # while an update goes on, or where nobody can say, all may answer
        open_ = fault.update or predicted.during is None
        serving = predicted.during if gone else everyone if open_ else None
        within = fault.grace_at(stack)

        def told(event: Event) -> None:
            tell(dataclasses.replace(event, serving=serving, within=within))

        action.make(fault, strike, told)
        if fault.update:
            text = "The update has returned."
            at, kind = time.time(), EventKind.SWITCH
            tell(Event(at, kind, fault.name, cluster, text, predicted.during, LAST_ANSWERS))

    def fixed(event: Event) -> None:
        tell(dataclasses.replace(event, serving=everyone))

    with guard.standing(stack, fault, cluster):
        try:
            strike = action.write_down(stack, fault, cluster)
            yield make
        finally:
            action.mend(stack, fault, cluster, fixed)


def _loaded(plan: TrafficPlan, stack: Stack, load: Load) -> TrafficPlan:
    """Return the plan with the requests of a load at its usual rate, and nothing beside them."""
    path = f"{stack.application.path.rstrip('/')}/{load.path}"
    return dataclasses.replace(plan, requests=(Request(path=path),), rate=load.usual, streams=0)


def settled(stack: Stack, traffic: Traffic, seconds: float, say: Say) -> dict[str, float]:
    """Return the shares of the last `seconds`, once these are as due, or as they are in the end."""
    due, what = due_shares(stack.weights, stack.order), "The traffic is shared as the weights say"

    def over() -> bool:
        return is_back(traffic.recent(seconds), due) or not traffic.running

    try:
        until(over, what, SETTLE_SECONDS + seconds)
    except UserError as error:
        say(f"{error}. It is taken as it is.")
    return shares(traffic.recent(seconds))


def due_shares(weights: Weights, order: Order) -> dict[str, float]:
    """Return the part of all requests that is due to each cluster of those that answer first.

    Where locality decides they count alike, for each is one address (a load balancer: some).
    """
    first = {name: weights[name] or 1 for name in order[0]}
    return {name: weight / sum(first.values()) for name, weight in first.items()}


def shares(samples: Sequence[Sample]) -> dict[str, float]:
    """Return the part of all requests that each cluster answered well."""
    good = Counter(sample.cluster for sample in samples if not sample.lost)
    return {cluster: count / len(samples) for cluster, count in good.items()}


def is_back(samples: Sequence[Sample], before: Mapping[str, float]) -> bool:
    """Check whether nothing is lost and every cluster has about the share it had `before`."""
    now = shares(samples)
    whole = bool(samples) and not any(sample.lost for sample in samples)
    return whole and all(now.get(name, 0.0) >= _BACK * share for name, share in before.items())


def _teller(stack: Stack, traffic: Traffic, watch: Watch) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        watch.event(event)
        with contextlib.suppress(ValueError):  # its record is closed already
            traffic.mark(event)
        events.announce(stack.folder, event)

    return tell


def objectives(stack: Stack, fault: Fault, load: Load | None = None) -> Objectives:
    """Return what is promised while a fault is in force, and of the return after its fix."""
    found = fault.objectives_at(stack)
    if load:
        found = dataclasses.replace(found, goodput=load.goodput)
    ramped = stack.failback == "ramped" and fault.moves is Moves.ALL and not fault.edge
    herd = HERD if ramped and not fault.update and stack.ramp >= SHORTEST_RAMP else None
    return dataclasses.replace(found, herd=herd)


def _header(stack: Stack, fault: Fault, cluster: str, load: Load | None) -> tuple[Path, Header]:
    now = time.time()
    name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{fault.name}-{stack.mode}"
    header = Header(
        run=name,
        started=now,
        title=f"{fault.name} in {cluster}, {stack.mode}",
        stack=stack.name,
        config_digest=provenance.config_digest(stack.name, stack.changes),
        objectives=objectives(stack, fault, load),
        serving=stack_outputs.serving(stack.weights),
        portal_logs=True,
        environment=provenance.described() | {"lbMode": stack.mode, "layer": str(fault.layer)},
    )
    return project.ROOT / "reports" / name, header
