"""How a drill is run, and what is sent to the stack meanwhile."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from drills.arguments import streams_for, timeout_for
from drills.compare.balancers import Balancer
from drills.faults import Load
from drills.live_picture import LivePicture
from drills.stack import Stack
from drills.traffic import LanePlan, Request, TrafficPlan
from drills.traffic.requests import load


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
    timeout: float | None = None
    """Seconds after which a request is lost; None: as long as clients of the application wait."""

    @classmethod
    def chosen(
        cls,
        options: argparse.Namespace,
        beside: tuple[Balancer, ...] = (),
        picture: LivePicture | None = None,
    ) -> Pace:
        """Return what the options of `arguments.add_pace` say. Raises UserError for their file."""
        requests = load(options.traffic) if options.traffic else ()
        return cls(
            rate=options.rate,
            baseline=options.baseline,
            hold=options.hold,
            beside=beside,
            requests=requests,
            streams=options.streams,
            picture=picture,
            timeout=options.timeout,
        )

    def is_own(self, stack: Stack) -> bool:
        """Tell whether what is sent takes as long as the user's application takes for it."""
        return bool(self.requests) or not stack.application.is_portal

    def plan(self, stack: Stack, lanes: Sequence[LanePlan] = ()) -> TrafficPlan:
        """Return what is sent to a stack, and beside it by lanes to compare with."""
        plan = TrafficPlan.to(
            stack.url,
            rate=self.rate,
            timeout=timeout_for(self.timeout, self.is_own(stack)),
            host=stack.application.host,
            ca_file=str(stack.ca_file or ""),
            streams=streams_for(self.streams, stack.application.is_portal),
        )
        if self.requests:
            plan = dataclasses.replace(plan, requests=self.requests)
        return plan.beside(lanes, stack.application.host) if lanes else plan


def loaded(plan: TrafficPlan, stack: Stack, load: Load) -> TrafficPlan:
    """Return the plan with the requests of a load at its usual rate, and nothing beside them."""
    path = f"{stack.application.path.rstrip('/')}/{load.path}"
    timeout = timeout_for(None, is_own=False)
    return dataclasses.replace(
        plan, requests=(Request(path=path),), rate=load.usual, timeout=timeout, streams=0
    )
