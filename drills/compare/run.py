"""A comparison: balancers beside our edge, a part without a fault, then fault after fault."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from drills import action, guard, matrix, prediction
from drills.alone import only_drill
from drills.compare import figures, page, recorded, stack_access, usage
from drills.compare.balancers import DIRECT, OURS, Balancer
from drills.compare.beside import Beside, beside
from drills.compare.figures import CALM, CALM_OVER, COMPARED, PATIENCE
from drills.compare.table import Comparison
from drills.compare.usage import Usage
from drills.faults import Fault, Strike, named
from drills.faults import processes as pods
from drills.say import Say
from drills.stack import EDGE, Stack
from drills.traffic import (
    Event,
    EventKind,
    Header,
    LanePlan,
    TrafficPlan,
    provenance,
)
from drills.traffic.generator import Traffic
from drills.traffic.portal import PortalLogs, source_for
from foundation import project
from foundation.errors import UserError
from foundation.run import interruptible

FAULTS = ("gateway-gone", "gateway-hangs", "region-cut")
"""What strikes unless other faults are named: what refuses, hangs and vanishes before an edge."""

_IDLE_SECONDS = 5.0
_TIMEOUT = 5.0  # seconds after which a client gives a request up


@dataclass(frozen=True)
class Pace:
    """How a comparison is run; times in seconds."""

    rate: float = 20.0
    """Requests a second of each lane."""
    calm: float = 20.0
    """The part without a fault."""
    hold: float = 8.0
    """Between a fault's effect and its fix."""
    recover: float = 12.0
    """Between a fix and the next fault."""


def run(
    stack: Stack, faults: Sequence[Fault], balancers: Sequence[Balancer], pace: Pace, say: Say
) -> tuple[Comparison, Path]:
    """Compare; return what was measured and its page. Raises UserError.

    Whatever happens, every fault is mended and every process that was started ends. What was
    measured until then is kept.
    """
    check(faults)
    stack_access.check(stack)
    with only_drill(stack):  # first: what another has broken is not to be mended by hand
        return _compared(stack, faults, balancers, pace, say)


def _compared(
    stack: Stack, faults: Sequence[Fault], balancers: Sequence[Balancer], pace: Pace, say: Say
) -> tuple[Comparison, Path]:
    struck = {f.name: prediction.struck_by_default(f, stack.order) for f in faults}
    for fault in faults:
        matrix.check(stack, fault, struck[fault.name], force=False)
    header = _header(stack, faults)
    folder = project.ROOT / "reports" / header.run
    with interruptible(), beside(stack, balancers, say) as others:
        idle = _used(stack, others, _IDLE_SECONDS)
        traffic = Traffic(plan(stack, others, pace), header, folder)
        source = source_for(stack.application.is_portal)
        logs = PortalLogs(stack.kubeconfig, stack.application_clusters, traffic.add, source)
        calm: dict[str, Usage | None] = {}

        def written(whole: bool) -> tuple[Comparison, Path]:
            end, missing = _usage(stack, others), _missing(others)
            measured = figures.measured(idle, _IDLE_SECONDS, calm, end, missing)
            made = conditions(header, pace)
            found = recorded.compare(folder, measured, others.versions, missing, made, whole)
            return found, page.write(folder, header.title, found)

        try:
            with traffic, logs:
                traffic.wait(2.0)  # connections are made
                say(f"{len(others.running)} balancers stand beside our edge.")
                say(f"{pace.calm:g} s without a fault.")
                calm |= _used(stack, others, pace.calm, traffic)
                for fault in faults:
                    say(f"{fault.name} strikes {struck[fault.name]} for {pace.hold:g} s.")
                    _strike(stack, fault, [struck[fault.name]], fault.name, traffic, pace)
                if stack.application.is_portal:
                    say("Nothing is broken, but every page takes 2 s.")
                    everywhere = stack.application_clusters
                    _strike(stack, named("pods-slow"), everywhere, PATIENCE, traffic, pace)
                traffic.halt()
                logs.settle_answered(traffic.recent(60))
        except BaseException:
            if traffic.count:
                with action.undisturbed():
                    say(_kept(written))
            raise
        return written(True)


def _kept(written: Callable[[bool], tuple[Comparison, Path]]) -> str:
    """Write what was measured before the end; return what to say. It hides no other error."""
    try:
        found, file = written(False)
    except (UserError, ValueError, OSError) as error:  # a full disk, say
        return f"There is no report: {error}"
    return f"{page.headline(found)}.\nReport: {file}"


def _missing(others: Beside) -> dict[str, str]:
    """Return the balancers that are not compared, or not to the end, and why."""
    running = others.running.items()
    ended = {n: f"while it was compared, {r.problem}" for n, r in running if r.problem}
    return {**others.skipped, **ended}


def check(faults: Sequence[Fault]) -> None:
    """Check that faults strike all lanes alike. Raises UserError for one that does not."""
    for fault in faults:
        if fault.edge or fault.update:
            raise UserError(
                f"{fault.name} strikes our edge alone, so that it compares nothing. Name a fault"
                " behind the edge: ./demo task drill:list"
            )
        if fault.load:
            raise UserError(
                f"{fault.name} is made by a load of its own, which a comparison does not send. Name"
                " another fault: ./demo task drill:list"
            )


def plan(stack: Stack, others: Beside, pace: Pace) -> TrafficPlan:
    """Return what is sent: the same to every lane, in turn, on kept connections."""
    lanes = [LanePlan(OURS, stack.url, keep_alive=True), *others.lanes]
    direct = LanePlan(
        DIRECT,
        others.url(DIRECT),
        keep_alive=True,
        counted=False,
        server_name=others.direct.name,
        certificate=str(others.client),
        protocols=(COMPARED,),
    )
    return TrafficPlan(
        lanes=(*lanes, direct),
        rate=pace.rate * (len(lanes) + 0.5),  # of two protocols the last lane has one
        timeout=_TIMEOUT,
        host=stack.application.host,
        ca_file=str(others.ca),
    )


def _strike(
    stack: Stack, fault: Fault, clusters: Sequence[str], name: str, traffic: Traffic, pace: Pace
) -> None:
    """Break, hold, mend and let recover; the fault is mended however this ends.

    Raises UserError, and breaks nothing, where no requests are sent any more.
    """
    traffic.check()
    cluster = clusters[0] if len(clusters) == 1 else ""

    def silent(_: Event) -> None:
        """Say nothing: the record has one event for all clusters."""

    with contextlib.ExitStack() as mended:
        triggers = []
        for each in clusters:
            mended.enter_context(guard.standing(stack, fault, each))
            mended.callback(action.mend, stack, fault, each, silent)
            strike = action.write_down(stack, fault, each)
            triggers.append(mended.enter_context(fault.means.armed(strike)))
        traffic.mark(Event(time.time(), EventKind.FAULT, name, cluster, fault.what))
        for trigger in triggers:
            trigger()
        traffic.wait(pace.hold)
        traffic.mark(Event(time.time(), EventKind.FIX, name, cluster))
    traffic.wait(pace.recover)


def _used(
    stack: Stack, others: Beside, seconds: float, traffic: Traffic | None = None
) -> dict[str, Usage | None]:
    """Return what each lane's processes use in the next seconds, which traffic gets marked.

    None where that is not known (see `Usage.since`).
    """
    before = _usage(stack, others)
    if traffic:
        traffic.mark(Event(time.time(), EventKind.PHASE, CALM))
    time.sleep(seconds)
    if traffic:
        traffic.mark(Event(time.time(), EventKind.PHASE, CALM_OVER))
    after = _usage(stack, others)
    return {lane: after[lane].since(used) for lane, used in before.items()}


def _usage(stack: Stack, others: Beside) -> dict[str, Usage]:
    ours = usage.of(pods.envoys(Strike(stack, EDGE)))
    return {OURS: ours, **{name: each.usage() for name, each in others.running.items()}}


def conditions(header: Header, pace: Pace) -> list[str]:
    """Return when, where and how a comparison was made, for who reads two of them."""
    begun = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(header.started))
    with_what = ", ".join(f"{key} {value}" for key, value in header.environment.items())
    return [
        f"Measured: {begun}, stack {header.stack}, configuration {header.config_digest}",
        f"On: {with_what}",
        f"Each lane {pace.rate:g} requests/s; {pace.calm:g} s without a fault, each fault in force"
        f" for {pace.hold:g} s, and {pace.recover:g} s after it",
    ]


def _header(stack: Stack, faults: Sequence[Fault]) -> Header:
    now = time.time()
    return Header(
        run=provenance.run_id("compare", now),
        started=now,
        title=f"Balancers beside our edge: {', '.join(f.name for f in faults)}",
        stack=stack.name,
        config_digest=provenance.config_digest(stack.name, stack.changes),
        portal_logs=True,
        environment=provenance.described() | {"lbMode": stack.mode},
    )
