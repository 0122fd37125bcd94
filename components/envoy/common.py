"""What the edge's and the gateways' configuration share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Listen:
    """Where an Envoy listens. `ready` and `admin` serve the kubelet and operators."""

    address: str = "0.0.0.0"
    https: int = 8443
    http: int = 8080
    ingress: int = 15443
    peer: int = 15444
    ready: int = 9902
    admin_address: str = "127.0.0.1"
    admin: int = 9901


@dataclass(frozen=True)
class Paths:
    """Folders in the pod: the ConfigMap, the mesh certificate, one folder per edge certificate."""

    config: str = "/etc/envoy/config"
    mesh: str = "/etc/envoy/mesh"
    certificates: str = "/etc/envoy/certs"


def gateway_san(cluster: str) -> str:
    """Gives the DNS name that the mesh certificate of the gateways of `cluster` must carry."""
    return f"gateway.{cluster}.mesh"


def edge_san(edge: str) -> str:
    """Gives the DNS name that the edge's mesh certificate must carry."""
    return f"edge.{edge}.mesh"


def render(document: Mapping[str, Any]) -> str:
    """Gives the document as YAML text; equal documents give equal text."""
    raise NotImplementedError


def checksum(files: Mapping[str, str]) -> str:
    """Gives a digest of a ConfigMap's data, for the annotation that rolls the pods."""
    raise NotImplementedError
