"""The Kubernetes objects that run an Envoy of the edge or of a regional gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from components.envoy.common import Listen, Paths

IMAGE = "docker.io/envoyproxy/envoy:v1.40.0"

#: Annotation on the pod template that rolls the pods when the configuration changes.
CHECKSUM_ANNOTATION = "resiliency.demo/config-checksum"


@dataclass(frozen=True)
class EnvoyPods:
    """What a Deployment of Envoys is made from.

    `name` is the Deployment's name (`gateway` in every cluster, on the edge as well). `config_map`
    and `mesh_secret` are names of objects in `namespace`; `certificates` are Secrets of type
    kubernetes.io/tls for clients (edge only). `checksum` is `common.checksum` of the ConfigMap's data.
    """

    name: str
    namespace: str
    cluster: str
    region: str
    checksum: str
    edge: bool
    config_map: str = "gateway-config"
    mesh_secret: str = "gateway-mesh"
    certificates: tuple[str, ...] = ()
    replicas: int = 2
    image: str = IMAGE
    memory_mib: int = 256
    concurrency: int = 2
    labels: Mapping[str, str] = field(default_factory=dict)
    listen: Listen = field(default_factory=Listen)
    paths: Paths = field(default_factory=Paths)


def envoy_deployment(pods: EnvoyPods) -> dict[str, Any]:
    """Gives the Deployment (apps/v1): surge, probes, graceful drain, hardened container."""
    raise NotImplementedError


def envoy_service(
    pods: EnvoyPods,
    *,
    type: str = "LoadBalancer",
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Gives the Service (v1) of the Envoys.

    Its ports: 443 and 80 on the edge, 15443 (`tls-ingress`) and 15444 (`tls-peer`) on a gateway.
    """
    raise NotImplementedError
