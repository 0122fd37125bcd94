"""What is done to a Service, by kubectl alone: it works on every cluster."""

from __future__ import annotations

from drills.faults.deployments import Name
from drills.faults.model import Place
from drills.site import until

CLOSED = "resiliency.demo/closed"
"""Label in the selector of a Service that is closed: no pod has it."""

SECONDS = 30
"""How long the endpoints of a Service may take to follow its selector."""


def close(place: Place, name: Name) -> None:
    """Leads a Service to no pod; returns when its endpoints are gone."""
    _select(place, name, "true")
    what = f"Service {name[1]} of {place.cluster} has no endpoints"
    until(lambda: not endpoints(place, name), what, SECONDS)


def open_again(place: Place, name: Name) -> None:
    """Leads a Service to its pods again; returns when it has endpoints."""
    _select(place, name, None)
    until(
        lambda: endpoints(place, name) > 0,
        f"Service {name[1]} of {place.cluster} leads to pods",
        120,
    )


def is_closed(place: Place, name: Name) -> bool:
    """Whether the Service was closed by `close`."""
    found = place.site.read(place.cluster, "service", *name)
    return CLOSED in (found["spec"].get("selector") or {})


def endpoints(place: Place, name: Name) -> int:
    """How many ready addresses the Service leads to."""
    which = ("endpointslices", "--namespace", name[0])
    selector = f"--selector=kubernetes.io/service-name={name[1]}"
    slices = place.site.get(place.cluster, *which, selector)["items"]
    ready = (e["conditions"].get("ready") for each in slices for e in each.get("endpoints") or [])
    return sum(bool(known) for known in ready)


def _select(place: Place, name: Name, value: str | None) -> None:
    change = {"spec": {"selector": {CLOSED: value}}}
    place.site.patch(place.cluster, "service", *name, change)
