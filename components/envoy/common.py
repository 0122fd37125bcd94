"""Names, places and text forms that the edge's and the gateways' configuration share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from components.routing.routes import Route
from foundation import quick_yaml
from foundation.contract import ADMIN_PORT, INGRESS_PORT, PEER_PORT

#: Last part of the host name under which an Envoy answers for the health of one Service.
HEALTH_DOMAIN = "health.mesh"

#: First part of such a name that asks for the pods of the gateway's own cluster alone.
_OWN = "own."

#: Metadata of endpoints, for access logs: the cluster and the region that they belong to.
ENDPOINT_METADATA = "resiliency"

MEMORY_MIB = 256
"""Limit of an Envoy's container, by which it also refuses what it has no memory for."""


@dataclass(frozen=True)
class Listen:
    """Where an Envoy listens. `ready` serves the kubelet, `admin` operators inside the pod."""

    address: str = "0.0.0.0"  # noqa: S104  a pod's own network namespace
    https: int = 8443
    http: int = 8080
    ingress: int = INGRESS_PORT
    peer: int = PEER_PORT
    ready: int = 9902
    admin_address: str = "127.0.0.1"
    admin: int = ADMIN_PORT


@dataclass(frozen=True)
class Paths:
    """Folders in the pod: the ConfigMap, the mesh certificate, one folder per edge certificate."""

    config: str = "/etc/envoy/config"
    mesh: str = "/etc/envoy/mesh"
    certificates: str = "/etc/envoy/certs"


def edge_san(edge: str) -> str:
    """Return the DNS name that the edge's mesh certificate must carry."""
    return f"edge.{edge}.mesh"


def health_host(route: Route) -> str:
    """Return the host name under which gateways answer for the health of the route's Service."""
    return f"{route.service}.{route.namespace}.{HEALTH_DOMAIN}"


def own_health_host(route: Route) -> str:
    """Return the host name under which a gateway answers for its own cluster's pods alone."""
    return f"{_OWN}{health_host(route)}"


def cluster_name(role: str, route: Route) -> str:
    """Return the name of an Envoy cluster of one Service: its role, namespace and name."""
    return f"{role}_{route.namespace}_{route.service}"


def seconds(value: float) -> str:
    """Return a duration as protobuf's JSON form writes it: `0.25s`."""
    return f"{round(value, 6):g}s"


def any_type(type_name: str, /, **fields: object) -> dict[str, Any]:
    """Return a message of the type `type_name` for a field of the type Any."""
    return {"@type": f"type.googleapis.com/{type_name}", **fields}


def extension(name: str, type_name: str, /, **fields: object) -> dict[str, Any]:
    """Return the extension `name` with its settings, a message of the type `type_name`."""
    return {"name": name, "typed_config": any_type(type_name, **fields)}


def socket_address(address: str, port: int) -> dict[str, Any]:
    """Return where a TCP socket is."""
    return {"socket_address": {"address": address, "port_value": port}}


def render(document: Mapping[str, Any]) -> str:
    """Return the document as YAML text; equal documents give equal text."""
    return yaml.dump(document, Dumper=_Plain, sort_keys=False, width=120)


def watched(folder: str, file: str) -> dict[str, Any]:
    """Return the source of a file of a mounted volume, loaded anew when the volume is swapped."""
    return {
        "resource_api_version": "V3",
        "path_config_source": {"path": f"{folder}/{file}", "watched_directory": {"path": folder}},
    }


def checksum(files: Mapping[str, str]) -> str:
    """Return a digest of a ConfigMap's data, for the annotation that rolls the pods."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{files[name]}\0".encode())
    return digest.hexdigest()[:16]


class _Plain(quick_yaml.DUMPER):  # type: ignore[misc]  # which of two it is, is known at run time only
    """Writes what is used twice out twice: Envoy's reader and people are spared aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True
