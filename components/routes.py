"""Which Services of a manifest are exposed, and how: read from their `gateway.tetrate.io/` annotations.

Pure functions over the parsed documents of a Kubernetes manifest; nothing is read or registered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]

ANNOTATIONS = "gateway.tetrate.io/"


class RouteError(ValueError):
    """A manifest from which no route can be made; the text is for people."""


@dataclass(frozen=True)
class Route:
    """One exposed Service.

    `port` is the Service's port, `target_port` the number of the container's port behind it.
    `hosts` are the external names (at least one), `path` the prefix ("/" for everything),
    `protocol` is "HTTPS" or "HTTP", `tls_secret` names the Secret of the edge's certificate
    (None for HTTP), `health_path` is what health checks ask for.
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

    @property
    def host(self) -> str:
        """The first external name."""
        return self.hosts[0]


def routes(
    documents: Sequence[Document],
    edge_cluster: str = "corp-edge",
    *,
    source: str = "the manifest",
) -> list[Route]:
    """Gives the routes of all Services with a host annotation, in the order of `documents`.

    `source` names the file in error texts. Raises RouteError when there is none, or when an
    annotation cannot be followed.
    """
    raise NotImplementedError


def with_weight(service: Document, edge_cluster: str, weight: int | None) -> dict[str, Any]:
    """Gives a copy of the Service document that carries its cluster's edge weight.

    Sets `gateway.tetrate.io/edge-clusters` to `<edge_cluster>:<weight>`, or to `<edge_cluster>`
    alone when `weight` is None.
    """
    raise NotImplementedError


def headless(service: Document) -> dict[str, Any]:
    """Gives the headless twin of the Service document, `<name>-pods`.

    The cluster's gateway resolves it to the addresses of the ready pods.
    """
    raise NotImplementedError


def is_exposed(document: Document) -> bool:
    """Says whether the document is a Service with a host annotation (and `expose` is not false)."""
    raise NotImplementedError


def cluster_info(cluster: str, region: str, namespace: str) -> dict[str, Any]:
    """Gives the ConfigMap `cluster-info` by which the portal knows where it runs.

    Its keys are `cluster`, `region` and `colour` (a CSS colour that stands for the region).
    """
    raise NotImplementedError
