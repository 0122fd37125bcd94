"""What a stack puts into each of its clusters, by kind and name: known before anything is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.application.objects import objects
from components.envoy.objects import gateway_objects, namespace
from components.envoy.pod import EnvoyPods, envoy_service
from components.settings.model import Platform, Settings
from components.tls.secrets import tls_secret
from foundation.contract import EDGE_CLUSTER


@dataclass(frozen=True)
class Item:
    """One object; `namespace` is empty where its document names none."""

    version: str
    kind: str
    namespace: str
    name: str

    @property
    def group(self) -> str:
        """API group, empty for the core's."""
        return self.version.rpartition("/")[0]


def inventory(
    settings: Settings,
    documents: Sequence[Mapping[str, Any]],
    secrets: Sequence[tuple[str, str]],
) -> dict[str, list[Item]]:
    """Return the objects of each cluster.

    `documents` are those of the application's manifest, `secrets` the names and namespaces of the
    Secrets for clients' TLS. On platform tetrate the gateways are not ours, and Profile and Tenant
    are shared: see components.tetrate.served.
    """
    platform = settings.platform
    for_clients = [tls_secret(name, {}, namespace) for name, namespace in secrets]
    if platform is Platform.TETRATE:
        result = {EDGE_CLUSTER: [*map(_of, for_clients)]}
    else:
        result = {EDGE_CLUSTER: _gateway(EDGE_CLUSTER, for_clients)}
    for member in settings.clusters:
        own = objects(documents, member, settings.edge_weights[member.name], platform)
        gateway = [] if platform is Platform.TETRATE else _gateway(member.name, [])
        result[member.name] = [*map(_of, own), *gateway]
    return result


def _gateway(cluster: str, for_clients: Sequence[Mapping[str, Any]]) -> list[Item]:
    pods = EnvoyPods(cluster)
    secrets = [tls_secret(pods.mesh_secret, {}), *for_clients]
    documents = [namespace(), envoy_service(pods), *gateway_objects(pods, {}, secrets, "")]
    return [*map(_of, documents)]


def _of(document: Mapping[str, Any]) -> Item:
    metadata = document["metadata"]
    namespace = metadata.get("namespace", "")
    return Item(document["apiVersion"], document["kind"], namespace, metadata["name"])
