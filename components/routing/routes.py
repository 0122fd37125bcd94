"""Which Services of a manifest are exposed, and how, by their `gateway.tetrate.io/` annotations.

Pure functions over the parsed documents of a Kubernetes manifest; nothing is read or registered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from components.documents import fields, workload
from components.routing.annotations import (
    EXPOSE,
    PREFIX,
    PROTOCOLS,
    Document,
    Notes,
    RouteError,
    annotations_of,
    check_edge,
    hosts,
    name_of,
)
from components.routing.transport import Transport, is_told, transport
from foundation.contract import GATEWAY_NAMESPACE, MESH_SECRET
from foundation.errors import UserError
from foundation.identity import DEFAULT_NAMESPACE, is_core, mapping


@dataclass(frozen=True)
class Route:
    """One exposed Service.

    `port` is the Service's port, `target_port` the number of the container's port behind it.
    `hosts` are the external names (at least one), `path` the prefix ("/" for everything),
    `protocol` is "HTTPS" or "HTTP", `tls_secret` names the Secret of the edge's certificate
    (None for HTTP) and `tls_namespace` its namespace. `health_path` is what health checks ask for:
    the path of the readiness probe of the workload behind the Service, or else `path`.
    """

    service: str
    namespace: str
    port: int
    target_port: int
    hosts: tuple[str, ...]
    path: str
    protocol: str
    tls_secret: str | None
    health_path: str
    transport: Transport = field(default_factory=Transport)
    tls_namespace: str = GATEWAY_NAMESPACE

    @property
    def host(self) -> str:
        """The first external name."""
        return self.hosts[0]


def routes(
    documents: Sequence[Document],
    *,
    source: str = "the manifest",
    own_gateways: bool = True,
) -> list[Route]:
    """Return the routes of all Services with a host annotation, in the order of `documents`.

    `source` names the file in error texts. `own_gateways` is off where they are Tetrate's, which
    follow more annotations than ours. Raises RouteError when there is none, or when an annotation
    cannot be followed.
    """
    exposed = filter(is_exposed, documents)
    found = [_route(document, documents, source, own_gateways) for document in exposed]
    if not found:
        names = [name_of(d) for d in documents if is_core(d, "Service")]
        raise RouteError(
            f"{source}: no Service has the annotation '{PREFIX}host', so nothing would be exposed; "
            f"add it to {' or '.join(names) if names else 'a Service'}"
        )
    taken: dict[tuple[str, str], Route] = {}
    secured: dict[str, Route] = {}
    placed: dict[str, Route] = {}
    for route in found:
        for host in route.hosts:
            other = taken.setdefault((host, route.path), route)
            if other is not route:
                raise RouteError(
                    f"{source}: Services {other.service} and {route.service} both claim "
                    f"{host}{route.path}; give one of them another '{PREFIX}host' or '{PREFIX}path'"
                )
            first = secured.setdefault(host, route) if route.tls_secret else route
            if first.tls_secret != route.tls_secret:
                raise RouteError(
                    f"{source}: Services {first.service} and {route.service} name two Secrets for "
                    f"{host}, {first.tls_secret} and {route.tls_secret}; a host has one "
                    f"certificate, so give both the same '{PREFIX}tls-secret'"
                )
        first = placed.setdefault(route.tls_secret, route) if route.tls_secret else route
        if first.tls_namespace != route.tls_namespace:
            raise RouteError(
                f"{source}: Services {first.service} and {route.service} name Secret"
                f" {route.tls_secret} in two namespaces, {first.tls_namespace} and"
                f" {route.tls_namespace}; give both the same '{PREFIX}tls-secret-namespace'"
            )
    return found


def is_exposed(document: Document) -> bool:
    """Say whether the document is a Service with a host annotation whose `expose` is not false."""
    notes = annotations_of(document)
    named = f"{PREFIX}host" in notes or f"{PREFIX}hosts" in notes
    return is_core(document, "Service") and named and not _is_hidden(notes)


def _is_hidden(notes: Mapping[str, Any]) -> bool:
    return str(notes.get(f"{PREFIX}expose")).strip() == "false"


def _route(
    service: Document,
    documents: Sequence[Document],
    source: str,
    own_gateways: bool,
) -> Route:
    notes = Notes(service, source, own_gateways)
    names = hosts(notes)
    path = notes.get("path", "/")
    path = path.rstrip("/") or "/"
    parts = path[1:].split("/") if path != "/" else []
    # the edge looks for no path but one that is normal, by RFC 3986
    if not path.startswith("/") or any(s in path for s in "?#* ") or {"", ".", ".."} & {*parts}:
        raise notes.wrong("path", f"is '{path}'; a path such as /web-portal is needed")
    if (sent := quote(path, safe=workload.SENT_AS_IT_IS)) != path:
        raise notes.wrong("path", f"is '{path}', and browsers ask for '{sent}'; write that")
    protocol = notes.get("protocol", "HTTP").upper()
    if protocol not in PROTOCOLS:
        raise notes.wrong("protocol", f"is '{protocol}'; {' or '.join(PROTOCOLS)} is needed")
    secret = notes.get("tls-secret") or None
    if protocol == "HTTPS" and secret is None:
        raise notes.wrong(
            "tls-secret", "is missing; name the Secret with the certificate for HTTPS"
        )
    if protocol == "HTTPS" and secret:
        _check_secret(secret, notes, own_gateways)
    if notes.get("expose", "global") not in EXPOSE:
        raise notes.wrong("expose", f"is '{notes.get('expose')}'; use one of {', '.join(EXPOSE)}")
    if notes.get("port", "443" if protocol == "HTTPS" else "80") not in ("80", "443"):
        raise notes.wrong("port", f"is '{notes.get('port')}'; the edge serves 443 and 80 only")
    check_edge(notes)
    port = _service_port(service, notes)
    found = workload.serving(service, port, documents)
    pod = found[1] if found else None
    target = workload.target_port(port, pod)
    if target is None:
        raise RouteError(
            f"{notes.where}: no container port in the manifest is called "
            f"'{port.get('targetPort')}' (its targetPort); name the container's port so, or use "
            "the number"
        )
    others = workload.target_ports(service, port, documents)
    if own_gateways and len(others) > 1:
        listed = ", ".join(f"{number} in {name}" for number, name in others.items())
        raise RouteError(
            f"{notes.where}: its targetPort '{port.get('targetPort')}' is {listed}, and gateways"
            " reach all pods of a Service at one port; give the containers the same one, or each"
            " workload a Service"
        )
    return Route(
        service=service["metadata"]["name"],
        namespace=service["metadata"].get("namespace") or DEFAULT_NAMESPACE,
        port=port["port"],
        target_port=target,
        hosts=names,
        path=path,
        protocol=protocol,
        tls_secret=secret if protocol == "HTTPS" else None,
        health_path=workload.readiness_path(pod, target) or path,
        transport=_transport(port, service, notes),
        tls_namespace=_tls_namespace(notes),
    )


def _tls_namespace(notes: Notes) -> str:
    """Return the namespace of the Secret; another than the gateways' only with Tetrate's."""
    if given := notes.get("tls-secret-namespace"):
        fields.label(given, "its value", lambda what: notes.wrong("tls-secret-namespace", what))
    return given or GATEWAY_NAMESPACE


def _check_secret(name: str, notes: Notes, own_gateways: bool) -> None:
    """Check the name of a Secret for clients' TLS. Raises RouteError."""
    fields.subdomain(name, "its value", lambda what: notes.wrong("tls-secret", what))
    # "mesh" is what Pulumi calls the certificate in the first one: two of one name are refused late
    if own_gateways and name in (MESH_SECRET, "mesh"):
        raise notes.wrong(
            "tls-secret", f"is '{name}', which is a name of the gateways' own; use another"
        )


def _transport(port: Mapping[str, Any], service: Document, notes: Notes) -> Transport:
    try:
        return transport(port, annotations_of(service))
    except UserError as error:
        raise RouteError(f"{notes.where}: {error}") from None


def _service_port(service: Document, notes: Notes) -> Mapping[str, Any]:
    """Return the exposed port: the one called `http`, or else the only one.

    Of several ports without one called so, it is the only one whose name tells a protocol of HTTP.
    """
    spec = mapping(service.get("spec"))
    if spec.get("type") == "ExternalName":
        raise RouteError(
            f"{notes.where} is of type ExternalName, which has no pods; expose one with a selector"
        )
    if not mapping(spec.get("selector")):
        raise RouteError(f"{notes.where} has no selector, so its pods are unknown; add one")
    ports = [
        port
        for port in workload.mappings(spec.get("ports"))
        if (port.get("protocol") or "TCP") == "TCP"
    ]
    if not ports:
        raise RouteError(f"{notes.where} has no TCP port, and no other is exposed; give it one")
    for port in ports:
        if not isinstance(port.get("port"), int):
            raise RouteError(f"{notes.where} has a port without a number; give each one")
    if named := [port for port in ports if port.get("name") == "http"]:
        return named[0]
    told = [port for port in ports if is_told(port)]
    if len(ports) != 1 and len(told) != 1:
        raise RouteError(
            f"{notes.where} has {len(ports)} ports; name the one to be exposed 'http', or give it "
            "alone an appProtocol"
        )
    return (told if len(told) == 1 else ports)[0]
