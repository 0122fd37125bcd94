"""What a stack puts into each of its clusters, by kind and name: known before anything is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.application.objects import objects
from components.envoy.pod import EnvoyPods
from components.settings.model import Platform, Settings
from foundation.contract import EDGE_CLUSTER, GATEWAY, GATEWAY_NAMESPACE


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
        group, slash, _ = self.version.partition("/")
        return group if slash else ""


def inventory(
    settings: Settings,
    documents: Sequence[Mapping[str, Any]],
    secrets: Sequence[str],
) -> dict[str, list[Item]]:
    """Return the objects of each cluster.

    `documents` are those of the application's manifest, `secrets` the names of the Secrets for
    clients' TLS. On platform tetrate the gateways are not ours, and Profile and Tenant are shared:
    see components.tetrate.served.
    """
    platform = settings.platform
    gateway = [] if platform is Platform.TETRATE else _gateway()
    result = {EDGE_CLUSTER: [*gateway, *(_item("v1", "Secret", name) for name in secrets)]}
    for member in settings.clusters:
        own = objects(
            documents,
            member,
            EDGE_CLUSTER,
            settings.edge_weights[member.name],
            platform,
        )
        result[member.name] = [*map(_of, own), *gateway]
    return result


def _gateway() -> list[Item]:
    return [
        Item("v1", "Namespace", "", GATEWAY_NAMESPACE),
        _item("v1", "Service", GATEWAY),
        _item("v1", "ConfigMap", EnvoyPods.config_map),
        _item("v1", "Secret", EnvoyPods.mesh_secret),
        _item("policy/v1", "PodDisruptionBudget", GATEWAY),
        _item("apps/v1", "Deployment", GATEWAY),
    ]


def _item(version: str, kind: str, name: str) -> Item:
    return Item(version, kind, GATEWAY_NAMESPACE, name)


def _of(document: Mapping[str, Any]) -> Item:
    metadata = document["metadata"]
    namespace = metadata.get("namespace", "")
    return Item(document["apiVersion"], document["kind"], namespace, metadata["name"])
