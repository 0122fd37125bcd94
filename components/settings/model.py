"""The stack's configuration, read once and checked before anything is registered.

`read` is pure: it takes the configuration as a mapping, so that every refusal can be tested without
Pulumi. Only `load` talks to Pulumi. No component reads configuration by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pulumi

from components.routing.targets import (
    ApplicationCluster,
    LbMode,
    RoutingError,
    edge_priorities,
    edge_weights,
)
from components.settings import existing, gke
from components.settings.existing import ExistingSettings
from components.settings.gke import GkeSettings
from components.settings.values import SettingsError, Values
from foundation import quick_yaml
from foundation.contract import EDGE_CLUSTER
from foundation.errors import did_you_mean

MAX_APPLICATION_CLUSTERS = 13
"""The address plan of backend local has room for fourteen clusters, one of them the edge's."""

_CLUSTER_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_REGION = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_CLUSTER_KEYS = ("name", "region", "weight", *existing.CLUSTER_KEYS)


_WHOLE_LIST = (
    "a list in a stack's file holds nothing of the default: write name and region of every cluster "
    "there, or go back to the default: ./demo pulumi config rm clusters"
)


class Backend(StrEnum):
    """Where clusters come from (config key `backend`)."""

    LOCAL = "local"
    EXISTING = "existing"
    GKE = "gke"


class Platform(StrEnum):
    """What moves the traffic (config key `platform`)."""

    ENVOY = "envoy"
    TETRATE = "tetrate"


@dataclass(frozen=True)
class LocalPorts:
    """The run of ports on 127.0.0.1 that a stack of backend local takes, from its first."""

    first: int
    clusters: tuple[str, ...]
    """All clusters, the edge's first."""

    @property
    def https(self) -> int:
        """Port of the edge for https."""
        return self.first

    @property
    def http(self) -> int:
        """Port of the edge for http, where requests are redirected to https."""
        return self.first + 1

    def api(self, cluster: str) -> int:
        """Return the port of a cluster's API server."""
        return self.first + 2 + self.clusters.index(cluster)

    @property
    def all(self) -> range:
        """Every port of the run."""
        return range(self.first, self.first + 2 + len(self.clusters))


@dataclass(frozen=True)
class Settings:
    """What the user chose for a stack, checked, with defaults filled in."""

    stack: str
    lb_mode: LbMode
    clusters: tuple[ApplicationCluster, ...]
    """Application clusters in the user's order; the edge's cluster is not among them."""
    active_cluster: str
    """Cluster that takes all requests in mode standby."""
    edge_region: str
    backend: Backend
    platform: Platform
    manifest: tuple[Path, ...]
    """Files and folders of the application's manifest."""
    http_profile: Path
    online_banking_secret: Path
    tenant_settings: Path
    """The Tenant that uses the profile (platform tetrate)."""
    local_ports: LocalPorts
    local_nodes: int
    """Nodes of each cluster of backend local."""
    existing: ExistingSettings
    """What backend existing needs to know."""
    gateway_replicas: int
    edge_replicas: int
    gke: GkeSettings
    """Of backend gke."""
    state: Path
    """Private folder of the stack: kubeconfig, certificate, the lab of backend local."""

    @property
    def edge_weights(self) -> dict[str, int | None]:
        """Edge weight of each application cluster; None where locality decides."""
        return edge_weights(self.lb_mode, self.clusters, self.active_cluster)

    @property
    def edge_priorities(self) -> list[list[str]]:
        """Groups of application clusters; the first shares all traffic while nothing fails."""
        return edge_priorities(self.edge_weights, self.clusters, self.edge_region)

    @property
    def cluster_names(self) -> tuple[str, ...]:
        """All clusters, the edge's first; the position is the cluster's place in address plans."""
        return (EDGE_CLUSTER, *(cluster.name for cluster in self.clusters))


def load(root: Path) -> Settings:
    """Read the current stack's configuration from Pulumi; `root` is the project's folder.

    Raises SettingsError.
    """
    # The public Config class answers for known keys only; unknown ones are what is looked for.
    given = {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
    return read(given, pulumi.get_stack(), root)


def read(given: Mapping[str, str], stack: str, root: Path) -> Settings:
    """Check a stack's configuration as the engine hands it out: `project:key` to text.

    Numbers are decimal text, lists JSON. Keys that are absent have their default of Pulumi.yaml.
    Raises SettingsError with one line that names the key, the stack's file and the remedy.
    """
    project = quick_yaml.load((root / "Pulumi.yaml").read_text())
    values = Values(project, given, f"Pulumi.{stack}.yaml")
    backend = values.choice("backend", Backend)
    platform = values.choice("platform", Platform)
    if platform is Platform.TETRATE and backend is not Backend.EXISTING:
        raise values.refusal(
            "platform",
            platform,
            f"it needs clusters with Tetrate's platform, and backend {backend} makes them without; "
            "./demo pulumi config set backend existing",
        )
    lb_mode = values.choice("lbMode", LbMode)
    entries = _entries(values)
    clusters = _clusters(values, entries)
    regions = {cluster.name: cluster.region for cluster in clusters}
    active_cluster = values.text("activeCluster") or clusters[0].name
    if active_cluster not in regions:
        raise values.refusal("activeCluster", active_cluster, f"use one of {', '.join(regions)}")
    try:
        edge_weights(lb_mode, clusters, active_cluster)
    except RoutingError as error:
        raise SettingsError(f"clusters in {values.file}: {error}") from None
    edge_region = _region(values, "edgeRegion")
    gke_settings = gke.read(values)
    if backend is Backend.GKE:
        edge_region = edge_region or gke.EDGE_REGION
        gke.check(values, gke_settings, stack, {EDGE_CLUSTER: edge_region, **regions})
    ports = LocalPorts(
        values.whole("localPort", 1024, 65535 - 2 - len(clusters)),
        (EDGE_CLUSTER, *regions),
    )
    return Settings(
        stack=stack,
        lb_mode=lb_mode,
        clusters=clusters,
        active_cluster=active_cluster,
        edge_region=edge_region or regions[active_cluster],
        backend=backend,
        platform=platform,
        manifest=values.paths("manifest", root),
        http_profile=values.file_path("httpProfile", root),
        online_banking_secret=root / "manifests" / "online-banking-secret.yaml",
        tenant_settings=root / "manifests" / "tenant-settings.yaml",
        local_ports=ports,
        local_nodes=values.whole("localNodes", 1, 5),
        existing=existing.read(
            values, root, EDGE_CLUSTER, entries, chosen=backend is Backend.EXISTING
        ),
        gateway_replicas=values.whole("gatewayReplicas", 1, 10),
        edge_replicas=values.whole("edgeReplicas", 1, 10),
        gke=gke_settings,
        state=root / ".demo" / stack,
    )


def _region(values: Values, key: str) -> str:
    """Return the name of a region, or nothing."""
    given = values.text(key)
    if given and not _REGION.fullmatch(given):
        raise values.refusal(key, given, "use a region's name, such as us-east1")
    return given


def _entries(values: Values) -> list[Any]:
    """Return the list of application clusters as it is written, not empty."""
    given = values.given.get("clusters", values.default("clusters"))
    try:
        entries = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        entries = None
    if not isinstance(entries, list) or not entries:
        raise values.refusal("clusters", given, "use a list with at least one name and region")
    if len(entries) > MAX_APPLICATION_CLUSTERS:
        raise SettingsError(
            f"clusters in {values.file} has {len(entries)} entries; "
            f"use at most {MAX_APPLICATION_CLUSTERS}"
        )
    return entries


def _clusters(values: Values, entries: Sequence[object]) -> tuple[ApplicationCluster, ...]:
    """Return the application clusters, names distinct."""
    clusters = tuple(_cluster(values, f"clusters[{i}]", e) for i, e in enumerate(entries))
    names = [cluster.name for cluster in clusters]
    for position, name in enumerate(names):
        if name in names[:position]:
            raise values.refusal(
                f"clusters[{position}].name", name, "another cluster has it; use another name"
            )
    return clusters


def _cluster(values: Values, where: str, entry: object) -> ApplicationCluster:
    if entry is None:  # what `config set --path` pads a list with that it begins itself
        raise SettingsError(f"{where} in {values.file} is empty; {_WHOLE_LIST}")
    if not isinstance(entry, dict):
        raise values.refusal(where, entry, f"use an object with name and region; {_WHOLE_LIST}")
    for key in entry:
        if key not in _CLUSTER_KEYS:
            raise SettingsError(
                f"unknown key {where}.{key} in {values.file}"
                f"{did_you_mean(key, _CLUSTER_KEYS)}; a cluster has {', '.join(_CLUSTER_KEYS)}"
            )
    for key in ("name", "region"):
        if key not in entry:
            raise SettingsError(f"{where} in {values.file} has no {key}; {_WHOLE_LIST}")
    name, region = entry["name"], entry["region"]
    if not isinstance(name, str) or not _CLUSTER_NAME.fullmatch(name):
        raise values.refusal(
            f"{where}.name", name, "use 1 to 40 small letters, digits and -, a letter first"
        )
    if name == EDGE_CLUSTER:
        raise values.refusal(f"{where}.name", name, "that is the edge's own; use another name")
    if not isinstance(region, str) or not _REGION.fullmatch(region):
        raise values.refusal(f"{where}.region", region, "use a region's name, such as us-east1")
    weight = entry.get("weight", 100)
    if not re.fullmatch(r"\d{1,6}", str(weight)):
        raise values.refusal(
            f"{where}.weight", weight, "use a whole number from 0 (standby) to 999999"
        )
    return ApplicationCluster(name, region, int(weight))
