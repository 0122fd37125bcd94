"""Faults made in a Service, by Kubernetes' own means: on every cluster."""

from __future__ import annotations

from drills.faults import fields
from drills.faults.fields import Field
from drills.faults.model import Means, Strike
from drills.waiting import until

CLOSED = "resiliency.demo/closed"
"""Label in the selector of a Service that is closed: no pod has it."""

SECONDS = 30
"""How long the endpoints of a Service may take to follow its selector."""

OPEN_SECONDS = 120
"""How long until they are ready again; their pods may have to start."""


def closed(namespace: str, name: str) -> Field:
    """Return the field of the label in the selector; a selector has one owner as a whole."""
    path = ("spec", "selector", CLOSED)
    return Field("Service", namespace, name, path, owned=path[:-1], is_added=True)


def without_pods(namespace: str, name: str) -> Means:
    """Return the means that lead a Service to no pod, until its endpoints are gone."""
    field = closed(namespace, name)

    def close(strike: Strike) -> None:
        fields.put(strike, field, "true")
        what = f"Service {name} of {strike.cluster} has no endpoints"
        until(lambda: not endpoints(strike, namespace, name), what, SECONDS)

    def open_again(strike: Strike) -> None:
        if not fields.is_put(strike, field):
            return
        fields.give_back(strike, field)
        what = f"Service {name} of {strike.cluster} leads to pods"
        until(lambda: endpoints(strike, namespace, name) > 0, what, OPEN_SECONDS)

    return Means(
        f"the selector of Service {name} gets a label that no pod has",
        close,
        open_again,
        seen=lambda strike: fields.is_put(strike, field),
        remember=lambda strike: fields.remember(strike, field),
    )


def endpoints(strike: Strike, namespace: str, name: str) -> int:
    """Return how many ready addresses the Service leads to."""
    which = ("endpointslices", "--namespace", namespace)
    selector = f"--selector=kubernetes.io/service-name={name}"
    slices = strike.stack.get(strike.cluster, *which, selector)["items"]
    ready = (e["conditions"].get("ready") for each in slices for e in each.get("endpoints") or [])
    return sum(bool(known) for known in ready)
