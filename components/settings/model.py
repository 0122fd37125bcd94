"""The stack's configuration, read once and checked before anything is registered.

`read` is pure: it takes the configuration as a mapping, so that every refusal can be tested without
Pulumi. Only `load` talks to Pulumi. No component reads configuration by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pulumi

from components.routing.failback import Failback
from components.routing.targets import (
    ApplicationCluster,
    LbMode,
    RoutingError,
    edge_priorities,
    edge_weights,
)
from components.settings import clusters as application_clusters
from components.settings import existing, gke, local
from components.settings.existing import ExistingSettings
from components.settings.gke import GkeSettings
from components.settings.local import LocalSettings
from components.settings.values import SettingsError, Values
from foundation import quick_yaml
from foundation.contract import EDGE_CLUSTER
from foundation.project import is_taken


class Backend(StrEnum):
    """Where clusters come from (config key `backend`)."""

    LOCAL = "local"
    EXISTING = "existing"
    GKE = "gke"


class Platform(StrEnum):
    """What moves the traffic (config key `platform`)."""

    ENVOY = "envoy"
    TETRATE = "tetrate"


BackendSettings = LocalSettings | ExistingSettings | GkeSettings
"""What the user chose for the one backend that is."""

_KEYS = {Backend.LOCAL: local.KEYS, Backend.EXISTING: existing.KEYS, Backend.GKE: gke.KEYS}

_OWN_ENVOYS = ("edgeReplicas", "gatewayReplicas")
"""Keys that are about our own Envoys: with another platform they mean nothing."""


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
    backend: BackendSettings
    platform: Platform
    manifest: tuple[Path, ...]
    """Files and folders of the application's manifest."""
    http_profile: Path
    online_banking_secret: Path
    tenant_settings: Path
    """The Tenant that uses the profile (platform tetrate)."""
    gateway_replicas: int
    edge_replicas: int
    failback: Failback
    without_effect: tuple[str, ...]
    """Keys that are set and that mean nothing to this backend or platform, a line each."""
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
        """All clusters, the edge's first; the position decides in address plans."""
        return (EDGE_CLUSTER, *(cluster.name for cluster in self.clusters))


def load(root: Path) -> Settings:
    """Return what the current stack's configuration says; `root` is the project's folder.

    Raises SettingsError.
    """
    # The public Config class answers for known keys only; unknown ones are what is looked for.
    given = {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
    return read(given, pulumi.get_stack(), root)


def read(given: Mapping[str, str], stack: str, root: Path) -> Settings:
    """Return a stack's configuration, checked; it is as the engine gives it: `project:key` to text.

    Numbers are decimal text, lists JSON. Keys that are absent have their default of Pulumi.yaml.
    Raises SettingsError with one line that names the key, the stack's file and the remedy.
    """
    if is_taken(stack):
        raise SettingsError(
            f"no stack can be called {stack}: .demo/{stack} is there for something else. Take"
            f" another name: ./demo pulumi stack rename NAME --stack {stack}"
        )
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
    failback = values.choice("failback", Failback)
    if platform is Platform.TETRATE and failback is not Failback.AT_ONCE:
        raise values.refusal(
            "failback",
            failback,
            f"platform {platform} decides itself; ./demo pulumi config set failback atOnce",
        )
    lb_mode = values.choice("lbMode", LbMode)
    entries = application_clusters.entries(values)
    clusters = application_clusters.read(values, entries)
    regions = {cluster.name: cluster.region for cluster in clusters}
    active_cluster = values.text("activeCluster") or clusters[0].name
    if active_cluster not in regions:
        raise values.refusal("activeCluster", active_cluster, f"use one of {', '.join(regions)}")
    try:
        edge_weights(lb_mode, clusters, active_cluster)
    except RoutingError as error:
        raise SettingsError(f"clusters in {values.file}: {error}") from None
    edge_region = application_clusters.edge_region(values)
    own: BackendSettings
    match backend:
        case Backend.LOCAL:
            own = local.read(values)
        case Backend.EXISTING:
            own = existing.read(values, root, entries)
        case Backend.GKE:
            edge_region = edge_region or gke.EDGE_REGION
            own = gke.read(values, stack, {EDGE_CLUSTER: edge_region, **regions})
    return Settings(
        stack=stack,
        lb_mode=lb_mode,
        clusters=clusters,
        active_cluster=active_cluster,
        edge_region=edge_region or regions[active_cluster],
        backend=own,
        platform=platform,
        manifest=values.paths("manifest", root),
        http_profile=values.file_path("httpProfile", root),
        online_banking_secret=root / "manifests" / "online-banking-secret.yaml",
        tenant_settings=root / "manifests" / "tenant-settings.yaml",
        gateway_replicas=values.whole("gatewayReplicas", 1, 10),
        edge_replicas=values.whole("edgeReplicas", 1, 10),
        failback=failback,
        without_effect=_without_effect(values, backend, platform, entries),
        state=root / ".demo" / stack,
    )


def _without_effect(
    values: Values, backend: Backend, platform: Platform, entries: Sequence[Mapping[str, object]]
) -> tuple[str, ...]:
    """Return a line for each key that is set and that only other backends or platforms read."""
    others = {key for keys in _KEYS.values() for key in keys} - set(_KEYS[backend])
    found = [key for key in sorted(others) if values.is_set(key)]
    if backend is not Backend.EXISTING:
        found += [
            f"clusters[{position}].{key}"
            for position, entry in enumerate(entries)
            for key in existing.CLUSTER_KEYS
            if entry.get(key)
        ]
    with_what = dict.fromkeys(found, f"backend {backend}")
    if platform is Platform.TETRATE:
        with_what |= {key: f"platform {platform}" for key in _OWN_ENVOYS if values.is_set(key)}
    return tuple(
        f"{key} in {values.file} has no effect with {what}; remove it: "
        f"./demo pulumi config rm {'--path ' * ('[' in key)}'{key}'"
        for key, what in with_what.items()
    )
