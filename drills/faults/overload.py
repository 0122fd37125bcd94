"""More requests than the clusters that are left can serve."""

from __future__ import annotations

import dataclasses

from drills.faults import deployments
from drills.faults.model import Fault, Kind, Layer, Load, never
from drills.stack import Stack
from drills.traffic import Objectives
from foundation.errors import UserError

PAGE = "api/work"
"""Below the portal's path: a page that takes one of a pod's workers (`manifests/app.yaml`)."""

WORKERS = 4
"""Of one pod of the portal."""

SECONDS = 0.2
"""That a request takes one of them."""

TIMES = 3
"""How many times of what can be served is asked for."""

GOODPUT = 0.5
"""Part of what can be served that is promised. Measured: 0.7 to 0.8. The rest is work for tries
that were given up, and pods that count as failed for a while because they refuse what they cannot
take."""

PROMISES = Objectives(lost=None, slowest=3.0, moved=None, recovered=5.0)
"""What cannot be served is lost, and said so; nothing is owed for it once the load is gone."""


def load_of(pods: int) -> Load:
    """Return the load for so many pods that are left: before, three times as much, and after."""
    capacity = pods * WORKERS / SECONDS
    return Load(PAGE, usual=capacity / 2, during=TIMES * capacity, goodput=GOODPUT * capacity)


def _load(stack: Stack, answering: tuple[str, ...]) -> Load:
    """Count the pods that are left. Raises UserError if there are none."""
    known = stack.application.workload
    found = [stack.objects.read(cluster, *known) for cluster in answering]
    pods = sum(each.get("status", {}).get("readyReplicas", 0) for each in found)
    if not pods:
        raise UserError(f"No pod of {known.name} is ready in {' or '.join(answering)}")
    return load_of(pods)


FAULTS = (
    Fault(
        "overload",
        Layer.WORKLOAD,
        Kind.REFUSES,
        "Takes the cluster's gateway away, and sends three times what the others can serve.",
        dataclasses.replace(deployments.scaled_to_zero(deployments.gateway), seen=never),
        portal="a page that takes a worker's time",
        load=_load,
        promises=PROMISES,
    ),
)
"""All of this kind; it is seen as gateway-gone where nobody wrote it down."""
