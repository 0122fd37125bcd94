"""What the gateways do otherwise than Kubernetes would, where an application may count on it.

Pure functions over the parsed documents of a manifest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from components.documents import workload
from components.routing.annotations import Document
from components.routing.routes import Route, is_exposed
from foundation.identity import identity_of, mapping

CHECK_SECONDS = 0.3
"""Time in which a readiness page has to answer the edge: `HEALTH_ROUTE_TIMEOUT` of a try."""

DEFAULT_PROBE_SECONDS = 1
"""A probe's `timeoutSeconds` where none is given, in Kubernetes."""


def lines(documents: Sequence[Document], routes: Sequence[Route]) -> Iterator[str]:
    """Yield a line for each exposed Service's setting that is not followed, for a warning."""
    exposed = {(route.namespace, route.service): route for route in routes}
    for service in filter(is_exposed, documents):
        spec, where = mapping(service.get("spec")), identity_of(service)
        route = exposed[where.namespace, where.name]
        if spec.get("sessionAffinity") == "ClientIP":
            yield (
                f"{where}: sessionAffinity ClientIP is not kept through the edge: requests of one"
                " client go to all its pods, in all regions"
            )
        for port in workload.mappings(spec.get("ports")):
            found = workload.serving(service, port, documents)
            if not found or port.get("port") != route.port:
                continue
            probe = workload.readiness_probe(found[1], route.target_port)
            seconds = probe.get("timeoutSeconds") if probe else None
            if isinstance(seconds, int) and seconds > DEFAULT_PROBE_SECONDS:
                yield (
                    f"{identity_of(found[0])}: its readinessProbe may take {seconds} s, but the"
                    f" edge asks the same page and gives it {CHECK_SECONDS:g} s: where it takes"
                    " longer, no region counts as healthy, and weights and failover do not hold"
                )
                break
