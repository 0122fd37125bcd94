"""Which Services of a manifest are exposed, and how, by their `gateway.tetrate.io/` annotations.

Pure functions over the parsed documents of a Kubernetes manifest; nothing is read or registered.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components import workload
from components.transport import Transport, is_told, transport
from foundation.identity import DEFAULT_NAMESPACE
from toolchain.errors import UserError

Document = Mapping[str, Any]

PREFIX = "gateway.tetrate.io/"
PROTOCOLS = ("HTTPS", "HTTP")
EXPOSE = ("global", "local", "true", "false")
#: Tetrate allows as many names in `hosts`.
MAX_HOSTS = 10

#: Annotations that change nothing here, because the program makes the gateways itself.
_TOLERATED = ("auto-deploy", "cloud-annotations", "gateway-namespace")
#: Annotations for Tetrate's gateways alone, which then get them as they are.
_TETRATES_OWN = (
    "local-host",
    "local-path",
    "local-protocol",
    "local-port",
    "tls-secret-namespace",
    "workload-selector",
    "retry-policy",
    "traffic-mode",
)
_FOLLOWED = (
    "host",
    "hosts",
    "path",
    "protocol",
    "tls-secret",
    "edge-clusters",
    "edge-cluster",
    "expose",
    "port",
)
_HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
)


class RouteError(UserError):
    """A manifest from which no route can be made; the text is for people."""


@dataclass(frozen=True)
class Route:
    """One exposed Service.

    `port` is the Service's port, `target_port` the number of the container's port behind it.
    `hosts` are the external names (at least one), `path` the prefix ("/" for everything),
    `protocol` is "HTTPS" or "HTTP", `tls_secret` names the Secret of the edge's certificate
    (None for HTTP). `health_path` is what health checks ask for: the path of the readiness probe
    of the workload behind the Service, or else `path`.
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

    @property
    def host(self) -> str:
        """The first external name."""
        return self.hosts[0]


def routes(
    documents: Sequence[Document],
    edge_cluster: str = "corp-edge",
    *,
    source: str = "the manifest",
    own_gateways: bool = True,
) -> list[Route]:
    """Gives the routes of all Services with a host annotation, in the order of `documents`.

    `source` names the file in error texts. `own_gateways` is off where they are Tetrate's, which
    follow more annotations than ours. Raises RouteError when there is none, or when an annotation
    cannot be followed.
    """
    found = []
    for document in documents:
        if is_exposed(document):
            found.append(_route(document, documents, edge_cluster, source, own_gateways))
    if not found:
        names = [_name(d) for d in documents if d.get("kind") == "Service"]
        raise RouteError(
            f"{source}: no Service has the annotation '{PREFIX}host', so nothing would be exposed; "
            f"add it to {' or '.join(names) if names else 'a Service'}"
        )
    taken: dict[tuple[str, str], Route] = {}
    for route in found:
        for host in route.hosts:
            other = taken.setdefault((host, route.path), route)
            if other is not route:
                raise RouteError(
                    f"{source}: Services {other.service} and {route.service} both claim "
                    f"{host}{route.path}; give one of them another '{PREFIX}host' or '{PREFIX}path'"
                )
    return found


def is_exposed(document: Document) -> bool:
    """Says whether the document is a Service with a host annotation whose `expose` is not false."""
    notes = _annotations(document)
    named = f"{PREFIX}host" in notes or f"{PREFIX}hosts" in notes
    return document.get("kind") == "Service" and named and notes.get(f"{PREFIX}expose") != "false"


def with_weight(service: Document, edge_cluster: str, weight: int | None) -> dict[str, Any]:
    """Gives a copy of the Service document that carries its cluster's edge weight.

    Sets `gateway.tetrate.io/edge-clusters` to `<edge_cluster>:<weight>`, or to `<edge_cluster>`
    alone when `weight` is None.
    """
    result = copy.deepcopy(dict(service))
    notes = result["metadata"].setdefault("annotations", {})
    notes.pop(f"{PREFIX}edge-cluster", None)
    notes[f"{PREFIX}edge-clusters"] = edge_cluster if weight is None else f"{edge_cluster}:{weight}"
    return result


def headless(service: Document) -> dict[str, Any]:
    """Return the headless twin of the Service document, named by `twin_name`.

    The cluster's gateway resolves it to the addresses of the ready pods.
    """
    metadata, spec = service["metadata"], service["spec"]
    twin: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": twin_name(metadata["name"])},
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": False,
            "selector": dict(spec["selector"]),
            "ports": [
                {
                    key: port[key]
                    for key in ("name", "port", "targetPort", "protocol")
                    if key in port
                }
                for port in spec["ports"]
            ],
        },
    }
    for key in ("namespace", "labels"):
        if key in metadata:
            twin["metadata"][key] = copy.deepcopy(metadata[key])
    return twin


def twin_name(service: str) -> str:
    """Return the name of a Service's headless twin, at most 63 characters as Kubernetes wants it.

    Its digest keeps it apart from the user's own names, and from twins of names that begin alike.
    """
    digest = hashlib.sha256(service.encode()).hexdigest()[:8]
    return f"{service[:49]}-pods-{digest}"


class _Notes:
    """The gateway annotations of one Service, and where they are, for error texts."""

    def __init__(self, service: Document, source: str, own_gateways: bool) -> None:
        self.where = f"{source}: Service {_name(service)}"
        self._values = {
            key.removeprefix(PREFIX): value
            for key, value in _annotations(service).items()
            if key.startswith(PREFIX)
        }
        known = _FOLLOWED + _TOLERATED + (() if own_gateways else _TETRATES_OWN)
        for key, value in self._values.items():
            if key not in known:
                raise self.wrong(
                    key, f"is not followed here; remove it (known: {', '.join(_FOLLOWED)})"
                )
            if not isinstance(value, str):
                raise self.wrong(key, f"is {value!r}; an annotation is text, so quote it")

    def wrong(self, key: str, what: str) -> RouteError:
        return RouteError(f"{self.where}: annotation '{PREFIX}{key}' {what}")

    def get(self, key: str, default: str = "") -> str:
        return self._values.get(key, default).strip()


def _route(
    service: Document,
    documents: Sequence[Document],
    edge_cluster: str,
    source: str,
    own_gateways: bool,
) -> Route:
    notes = _Notes(service, source, own_gateways)
    hosts = _hosts(notes)
    path = notes.get("path", "/")
    if not path.startswith("/") or any(sign in path for sign in "?#* "):
        raise notes.wrong("path", f"is '{path}'; a path such as /web-portal is needed")
    path = path.rstrip("/") or "/"
    protocol = notes.get("protocol", "HTTP").upper()
    if protocol not in PROTOCOLS:
        raise notes.wrong("protocol", f"is '{protocol}'; {' or '.join(PROTOCOLS)} is needed")
    secret = notes.get("tls-secret") or None
    if protocol == "HTTPS" and secret is None:
        raise notes.wrong(
            "tls-secret", "is missing; name the Secret with the certificate for HTTPS"
        )
    if notes.get("expose", "global") not in EXPOSE:
        raise notes.wrong("expose", f"is '{notes.get('expose')}'; use one of {', '.join(EXPOSE)}")
    if notes.get("port", "443" if protocol == "HTTPS" else "80") not in ("80", "443"):
        raise notes.wrong("port", f"is '{notes.get('port')}'; the edge serves 443 and 80 only")
    _check_edge(notes, edge_cluster)
    port = _service_port(service, notes)
    pod = workload.pod_spec(service, documents)
    target = workload.target_port(port, pod)
    if target is None:
        raise RouteError(
            f"{notes.where}: no container port in the manifest is called '{port['targetPort']}' "
            "(its targetPort); name the container's port so, or use the number"
        )
    return Route(
        service=service["metadata"]["name"],
        namespace=service["metadata"].get("namespace") or DEFAULT_NAMESPACE,
        port=port["port"],
        target_port=target,
        hosts=hosts,
        path=path,
        protocol=protocol,
        tls_secret=secret if protocol == "HTTPS" else None,
        health_path=workload.readiness_path(pod, target, port) or path,
        transport=_transport(port, service, notes),
    )


def _transport(port: Mapping[str, Any], service: Document, notes: _Notes) -> Transport:
    try:
        return transport(port, _annotations(service))
    except UserError as error:
        raise RouteError(f"{notes.where}: {error}") from None


def _hosts(notes: _Notes) -> tuple[str, ...]:
    key = "hosts" if notes.get("hosts") else "host"
    hosts = tuple(host.strip().lower() for host in notes.get(key).split(","))
    if len(hosts) > MAX_HOSTS:
        raise notes.wrong(key, f"has {len(hosts)} names; {MAX_HOSTS} are allowed")
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise notes.wrong(
                key, f"has '{host}', which is no host name; write it as bank.example.com"
            )
    return tuple(dict.fromkeys(hosts))


def _check_edge(notes: _Notes, edge_cluster: str) -> None:
    """Checks that the list of edge clusters, if there is one, names the edge and sane weights."""
    key = "edge-clusters" if notes.get("edge-clusters") else "edge-cluster"
    text = notes.get(key)
    if not text:
        return
    names = []
    for entry in text.split(","):
        name, colon, weight = entry.strip().partition(":")
        names.append(name)
        if colon and not weight.isdecimal():
            raise notes.wrong(key, f"has the weight '{weight}'; a whole number from 0 up is needed")
    if edge_cluster not in names:
        raise notes.wrong(key, f"is '{text}'; it must name '{edge_cluster}'")


def _service_port(service: Document, notes: _Notes) -> Mapping[str, Any]:
    """Return the exposed port: the one called `http`, or else the only one.

    Of several ports without one called so, it is the only one whose name tells a protocol of HTTP.
    """
    spec = service.get("spec") or {}
    if not spec.get("selector"):
        raise RouteError(f"{notes.where} has no selector, so its pods are unknown; add one")
    ports = spec.get("ports") or []
    named = [port for port in ports if port.get("name") == "http"]
    if named:
        return named[0]
    told = [port for port in ports if is_told(port)]
    if len(ports) != 1 and len(told) != 1:
        raise RouteError(f"{notes.where} has {len(ports)} ports; name the one to be exposed 'http'")
    return (told if len(told) == 1 else ports)[0]


def _annotations(document: Document) -> Mapping[str, Any]:
    return (document.get("metadata") or {}).get("annotations") or {}


def _name(document: Document) -> str:
    return str((document.get("metadata") or {}).get("name", "without a name"))
