"""What the gateways do otherwise than Kubernetes would, where an application may count on it.

Pure functions over the parsed documents of a manifest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from components.documents import workload
from components.routing import network_policies
from components.routing.annotations import Document
from components.routing.routes import Route, is_exposed
from components.routing.transport import Protocol
from foundation.contract import GATEWAY_NAMESPACE
from foundation.identity import identity_of, is_core, mapping

CHECK_SECONDS = 0.3
"""Time in which a readiness page has to answer the edge: `HEALTH_ROUTE_TIMEOUT` of a try."""

DEFAULT_PROBE_SECONDS = 1
"""A probe's `timeoutSeconds` where none is given, in Kubernetes."""


def lines(documents: Sequence[Document], routes: Sequence[Route]) -> Iterator[str]:
    """Yield a line for each setting of a Service that does not hold as it says, for a warning."""
    for service in documents:
        address = mapping(service.get("spec")).get("clusterIP")
        if is_core(service, "Service") and address not in (None, "", "None"):
            yield (
                f"{identity_of(service)}: clusterIP {address} is of one cluster's range, and any"
                " cluster with another range refuses it; remove clusterIP and clusterIPs"
            )
    exposed = {(route.namespace, route.service): route for route in routes}
    for service in filter(is_exposed, documents):
        spec, where = mapping(service.get("spec")), identity_of(service)
        route = exposed[where.namespace, where.name]
        if spec.get("sessionAffinity") == "ClientIP":
            yield (
                f"{where}: sessionAffinity ClientIP is not kept through the edge: requests of one"
                " client go to all its pods, in all regions"
            )
        yield from _closed(service, route, documents)
        yield from _misunderstood(service, route, documents)
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


_SPOKEN = {
    "HTTP": (Protocol.HTTP1, Protocol.HTTP2, Protocol.GRPC),
    "HTTPS": (Protocol.HTTPS,),
    "gRPC": (Protocol.GRPC, Protocol.HTTP2),
}
"""What the port of a Service may say whose pods' probes ask by this."""


def _misunderstood(service: Document, route: Route, documents: Sequence[Document]) -> Iterator[str]:
    found = workload.serving(service, {"targetPort": route.target_port}, documents)
    asked = workload.probed_by(found[1], route.target_port) if found else set()
    for own in asked if len(asked) == 1 else ():
        if found and route.transport.protocol not in _SPOKEN.get(own, Protocol):
            yield (
                f"{identity_of(found[0])}: its probes ask port {route.target_port} by {own}, but"
                f" the port of {identity_of(service)} does not say so; set its appProtocol:"
                f" {own.lower()}"
            )


def _closed(service: Document, route: Route, documents: Sequence[Document]) -> Iterator[str]:
    found = workload.serving(service, {"targetPort": route.target_port}, documents)
    if found is None:
        return
    port = route.target_port
    for _, template in workload.templates(found[0]):
        labels = mapping(mapping(template.get("metadata")).get("labels"))
        policies = network_policies.closing(route.namespace, labels, port, documents)
        for policy in policies[:1]:
            yield (
                f"{identity_of(policy)} keeps the gateways from {identity_of(found[0])}, where the"
                f" cluster enforces it; let namespace {GATEWAY_NAMESPACE} in at port"
                f" {port}: namespaceSelector: {{matchLabels:"
                f" {{kubernetes.io/metadata.name: {GATEWAY_NAMESPACE}}}}}"
            )
