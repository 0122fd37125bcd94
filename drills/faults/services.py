"""What is done to a Service, by Kubernetes' own means: it works on every cluster."""

from __future__ import annotations

from drills.faults import fields
from drills.faults.fields import Field
from drills.faults.model import Place
from drills.site import until

CLOSED = "resiliency.demo/closed"
"""Label in the selector of a Service that is closed: no pod has it."""

SECONDS = 30
"""How long the endpoints of a Service may take to follow its selector."""


def closed(namespace: str, name: str) -> Field:
    """The label in the selector; a selector has one owner as a whole."""
    path = ("spec", "selector", CLOSED)
    return Field("Service", namespace, name, path, owned=path[:-1], is_added=True)


def close(place: Place, namespace: str, name: str) -> None:
    """Leads a Service to no pod; returns when its endpoints are gone."""
    fields.put(place, closed(namespace, name), "true")
    what = f"Service {name} of {place.cluster} has no endpoints"
    until(lambda: not endpoints(place, namespace, name), what, SECONDS)


def open_again(place: Place, namespace: str, name: str) -> None:
    """Leads a Service to its pods again; returns when it has endpoints."""
    fields.give_back(place, closed(namespace, name))
    what = f"Service {name} of {place.cluster} leads to pods"
    until(lambda: endpoints(place, namespace, name) > 0, what, 120)


def is_closed(place: Place, namespace: str, name: str) -> bool:
    """Whether the Service was closed by `close`."""
    return fields.is_put(place, closed(namespace, name))


def endpoints(place: Place, namespace: str, name: str) -> int:
    """How many ready addresses the Service leads to."""
    which = ("endpointslices", "--namespace", namespace)
    selector = f"--selector=kubernetes.io/service-name={name}"
    slices = place.site.get(place.cluster, *which, selector)["items"]
    ready = (e["conditions"].get("ready") for each in slices for e in each.get("endpoints") or [])
    return sum(bool(known) for known in ready)
