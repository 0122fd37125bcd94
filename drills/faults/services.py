"""What is done to a Service, by Kubernetes' own means: it works on every cluster."""

from __future__ import annotations

from drills.faults import fields
from drills.faults.fields import Field
from drills.faults.model import Strike
from drills.stack import until

CLOSED = "resiliency.demo/closed"
"""Label in the selector of a Service that is closed: no pod has it."""

SECONDS = 30
"""How long the endpoints of a Service may take to follow its selector."""


def closed(namespace: str, name: str) -> Field:
    """The label in the selector; a selector has one owner as a whole."""
    path = ("spec", "selector", CLOSED)
    return Field("Service", namespace, name, path, owned=path[:-1], is_added=True)


def close(strike: Strike, namespace: str, name: str) -> None:
    """Leads a Service to no pod; returns when its endpoints are gone."""
    fields.put(strike, closed(namespace, name), "true")
    what = f"Service {name} of {strike.cluster} has no endpoints"
    until(lambda: not endpoints(strike, namespace, name), what, SECONDS)


def open_again(strike: Strike, namespace: str, name: str) -> None:
    """Leads a Service to its pods again; returns when it has endpoints."""
    fields.give_back(strike, closed(namespace, name))
    what = f"Service {name} of {strike.cluster} leads to pods"
    until(lambda: endpoints(strike, namespace, name) > 0, what, 120)


def is_closed(strike: Strike, namespace: str, name: str) -> bool:
    """Whether the Service was closed by `close`."""
    return fields.is_put(strike, closed(namespace, name))


def endpoints(strike: Strike, namespace: str, name: str) -> int:
    """How many ready addresses the Service leads to."""
    which = ("endpointslices", "--namespace", namespace)
    selector = f"--selector=kubernetes.io/service-name={name}"
    slices = strike.stack.get(strike.cluster, *which, selector)["items"]
    ready = (e["conditions"].get("ready") for each in slices for e in each.get("endpoints") or [])
    return sum(bool(known) for known in ready)
