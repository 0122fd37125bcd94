"""One drill: baseline, fault, fix, failback; its ledger, and the verdict."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from drills import action, prediction, report
from drills.faults import Fault, Moves
from drills.prediction import Prediction
from drills.site import Site, until
from drills.traffic import Event, EventKind, Header, Plan, events, target
from drills.traffic.accounts import ledger_of
from drills.traffic.generator import Traffic
from drills.traffic.ledger import Ledger
from drills.traffic.portal import PortalLogs
from toolchain import environment

FAILBACK_SECONDS = 90
"""How long the struck cluster may take to have its share again after the fix."""

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


@dataclass(frozen=True)
class Outcome:
    """What came of a drill."""

    fault: Fault
    cluster: str
    ledger: Ledger
    folder: Path
    predicted: Prediction
    wrong: str
    """What was wrong with the prediction; empty if nothing."""

    @property
    def missed(self) -> list[str]:
        """What was promised and not kept, each in a few words."""
        found = [
            f"{check.name} {check.measured} (promised {check.promised})"
            for check in self.ledger.checks
            if not check.met
        ]
        return found + ([self.wrong] if self.wrong else [])


def run(site: Site, fault: Fault, cluster: str, pace: Pace, say: Say) -> Outcome:
    """Runs a drill. Raises UserError or TrafficError; whatever happens, the fault is mended."""
    predicted = prediction.predict(fault, cluster, site.order)
    say(f"{fault.name} strikes {cluster}. {fault.what}")
    say(f"Predicted: {predicted.text}")
    folder, header = _header(site, fault, cluster)
    plan = Plan.to(site.url, rate=pace.rate, ca_file=str(site.ca_file or ""))
    traffic = Traffic(plan, header, folder)
    logs = PortalLogs(site.kubeconfig, site.application, traffic.add)
    tell = _teller(site, traffic)
    answered: set[str] = set()
    with action.interruptible(), traffic, logs:
        tell(Event(time.time(), EventKind.PHASE, "baseline"))
        traffic.wait(pace.baseline)
        share = _share(traffic, cluster, pace.baseline)
        with _mended(site, fault, cluster, tell) as strike:
            strike(predicted)
            held = time.time() + pace.hold
            say(f"In force; held for {pace.hold:g} s.")
            traffic.wait(max(0.0, held - time.time()))
            answered = {s.cluster for s in traffic.recent(pace.hold / 2) if not s.lost}
            say("Mending.")
        tell(Event(time.time(), EventKind.PHASE, "failback"))
        what = f"{cluster} has its share of the traffic again"
        until(lambda: _share(traffic, cluster, 1.0) >= _BACK * share, what, FAILBACK_SECONDS)
        traffic.wait(1.0)  # what comes late is counted too
        traffic.halt()
        logs.settle({s.pod: s.id for s in traffic.recent(60) if not s.lost}.values())
    wrong = prediction.score(predicted, answered)
    outcome = Outcome(fault, cluster, ledger_of(traffic.path), folder, predicted, wrong)
    report.write(folder)
    return outcome


@contextlib.contextmanager
def _mended(
    site: Site, fault: Fault, cluster: str, tell: Callable[[Event], None]
) -> Iterator[Callable[[Prediction], None]]:
    """Writes the fault down, hands out what makes it, and mends it however the block ends."""

    def strike(predicted: Prediction) -> None:
        def told(event: Event) -> None:
            moved = fault.objectives.moved or 0.0
            gone = fault.moves is Moves.ALL and not fault.edge
            tell(
                Event(
                    event.at,
                    event.kind,
                    event.name,
                    event.cluster,
                    event.text,
                    serving=predicted.during if gone else None,
                    within=moved,
                )
            )

        action.strike(fault, place, told)

    def fixed(event: Event) -> None:
        tell(
            Event(
                event.at,
                event.kind,
                event.name,
                event.cluster,
                serving=site.order[0] + sum(site.order[1:], ()),
            )
        )

    place = action.write_down(site, fault, cluster)
    try:
        yield strike
    finally:
        action.mend(site, fault, cluster, fixed)


def _share(traffic: Traffic, cluster: str, seconds: float) -> float:
    """Part of the good answers that a cluster gave lately; 0 when some were lost or none came."""
    samples = traffic.recent(seconds)
    if not samples:
        return 0.0
    return sum(s.cluster == cluster and not s.lost for s in samples) / len(samples)


def _teller(site: Site, traffic: Traffic) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        with contextlib.suppress(ValueError):  # its record is closed already
            traffic.mark(event)
        events.announce(site.folder, event)

    return tell


def _header(site: Site, fault: Fault, cluster: str) -> tuple[Path, Header]:
    now = time.time()
    name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{fault.name}-{site.mode}"
    header = Header(
        run=name,
        started=now,
        title=f"{fault.name} in {cluster}, {site.mode}",
        stack=site.stack,
        config_digest=target.config_digest(site.stack),
        objectives=fault.objectives,
        serving=target.serving(site.weights),
        portal_logs=True,
        environment=target.described() | {"lbMode": site.mode, "layer": str(fault.layer)},
    )
    return environment.PROJECT / "reports" / name, header
