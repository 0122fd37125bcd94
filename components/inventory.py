"""What a stack puts into each of its clusters, by kind and name: known before anything is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.application import objects
from components.entrance import DEPLOYMENT, NAMESPACE
from components.envoy.pod import EnvoyPods
from components.settings import EDGE_CLUSTER, Platform, Settings


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
    """Gives the objects of each cluster.

    `documents` are those of the application's manifest, `secrets` the names of the Secrets for
    clients' TLS. On platform tetrate the gateways are not ours, and Profile and Tenant are shared:
    see components.tetrate.served.
    """
    platform = settings.platform
    gateway = [] if platform is Platform.TETRATE else _gateway()
    result = {EDGE_CLUSTER: [*gateway, *(_item("v1", "Secret", name) for name in secrets)]}
    for place in settings.clusters:
        own = objects(documents, place, EDGE_CLUSTER, settings.edge_weights[place.name], platform)
        result[place.name] = [*map(_of, own), *gateway]
    return result


def _gateway() -> list[Item]:
    return [
        Item("v1", "Namespace", "", NAMESPACE),
        _item("v1", "Service", DEPLOYMENT),
        _item("v1", "ConfigMap", EnvoyPods.config_map),
        _item("v1", "Secret", EnvoyPods.mesh_secret),
        _item("policy/v1", "PodDisruptionBudget", DEPLOYMENT),
        _item("apps/v1", "Deployment", DEPLOYMENT),
    ]


def _item(version: str, kind: str, name: str) -> Item:
    return Item(version, kind, NAMESPACE, name)


def _of(document: Mapping[str, Any]) -> Item:
    metadata = document["metadata"]
    namespace = metadata.get("namespace", "")
    return Item(document["apiVersion"], document["kind"], namespace, metadata["name"])
