"""Which part of the requests each cluster answers, and whether that is as it should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from drills.prediction import Order
from drills.say import Say
from drills.stack import Stack, Weights
from drills.traffic import Sample
from drills.traffic.generator import Traffic
from drills.traffic.returning import BACK
from drills.updates import Updates
from drills.waiting import until
from foundation import project
from foundation.errors import UserError

SETTLE_SECONDS = 15
"""How long a drill waits until the traffic is shared as the weights say. What failed before it may
still be ejected: 5 s by `manifests/http-profile.yaml`, longer by a profile whose times grow."""


def settled(stack: Stack, traffic: Traffic, seconds: float, say: Say) -> dict[str, float]:
    """Return the shares of the last `seconds`, once these are as due, or as they are in the end.

    Once they are as due, a standby's few answers are left out: nothing brings those again.
    """
    due, what = due_shares(stack.weights, stack.order), "The traffic is shared as the weights say"

    def over() -> bool:
        return is_back(traffic.recent(seconds), due) or not traffic.running

    try:
        until(over, what, SETTLE_SECONDS + seconds)
    except UserError as error:
        say(f"{error}. It is taken as it is.")
        return shares(traffic.recent(seconds))
    found = shares(traffic.recent(seconds))
    return {name: share for name, share in found.items() if name in due}


def returned(
    traffic: Traffic, before: Mapping[str, float], updates: Updates, seconds: float
) -> list[str]:
    """Wait until each cluster has the share that it had before; return what is wrong in the end.

    Where another terminal has switched meanwhile, each should have what is due to it since.
    """

    def over() -> bool:
        now = updates.switched
        due = due_shares(now.weights, now.order) if now else before
        return is_back(traffic.recent(1.0), due) or not traffic.running

    try:
        until(over, "Every cluster has its share of the traffic again", seconds)
    except UserError as error:
        return [str(error)]
    return []


def nobody(stack: str, samples: Sequence[Sample]) -> str:
    """Return what to say of a stack that has given no good answer, and what to do about it."""
    failures = Counter(str(each.failure) for each in samples if each.cluster and each.status)
    if not failures:
        return (
            f"Nobody answers in stack {stack}, before anything was broken. See why:"
            f" {project.task('status', stack)}; or add --force"
        )
    named = ", ".join(f"{failure} ({count})" for failure, count in failures.most_common(3))
    return (
        f"The application of stack {stack} gives no good answer before anything is broken, but"
        f" {named}. Say what to ask, with which headers, and which statuses are good: --traffic"
        " FILE (docs/traffic.md); or add --force"
    )


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
    return whole and all(now.get(name, 0.0) >= BACK * share for name, share in before.items())
