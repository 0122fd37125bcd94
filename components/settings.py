"""The stack's configuration, read once and checked before anything is registered.

`read` is pure: it takes the configuration as a mapping, so that every refusal can be tested without
Pulumi. Only `load` talks to Pulumi. No component reads configuration by itself.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import pulumi
import yaml

from components.errors import DemoError
from components.routing import ApplicationCluster, LbMode, RoutingError, edge_weights

EDGE_CLUSTER = "corp-edge"
"""Name of the edge's cluster; no application cluster may have it."""

MAX_APPLICATION_CLUSTERS = 13
"""The address plan of backend local has room for fourteen clusters, one of them the edge's."""

_CLUSTER_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_REGION = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_CLUSTER_KEYS = ("name", "region", "weight")

_Choice = TypeVar("_Choice", bound=StrEnum)


class SettingsError(DemoError):
    """A setting that cannot be used; the text names key, stack file and remedy, for people."""


class Backend(StrEnum):
    """Where clusters come from (config key `backend`)."""

    LOCAL = "local"
    EXISTING = "existing"
    GKE = "gke"


class Platform(StrEnum):
    """What moves the traffic (config key `platform`)."""

    ENVOY = "envoy"
    TETRATE = "tetrate"


NOT_BUILT = (Backend.EXISTING, Backend.GKE, Platform.TETRATE)
"""Choices of the design that this version does not have; choosing one is refused."""


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
        """Port of a cluster's API server."""
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
    manifest: Path
    http_profile: Path
    online_banking_secret: Path
    local_ports: LocalPorts
    local_nodes: int
    """Nodes of each cluster of backend local."""
    gateway_replicas: int
    edge_replicas: int
    state: Path
    """Private folder of the stack: kubeconfig, certificate, the lab of backend local."""

    @property
    def edge_weights(self) -> dict[str, int | None]:
        """Edge weight of each application cluster; None where locality decides."""
        return edge_weights(self.lb_mode, self.clusters, self.active_cluster)

    @property
    def cluster_names(self) -> tuple[str, ...]:
        """All clusters, the edge's first; the position is the cluster's place in address plans."""
        return (EDGE_CLUSTER, *(cluster.name for cluster in self.clusters))


def load(root: Path) -> Settings:
    """Reads the current stack's configuration from Pulumi; `root` is the project's folder.

    Raises SettingsError.
    """
    # The public Config class answers for known keys only; unknown ones are what is looked for.
    given = {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
    return read(given, pulumi.get_stack(), root)


def read(given: Mapping[str, str], stack: str, root: Path) -> Settings:
    """Checks a stack's configuration as the engine hands it out: `project:key` to text.

    Numbers are decimal text, lists JSON. Keys that are absent have their default of Pulumi.yaml.
    Raises SettingsError with one line that names the key, the stack's file and the remedy.
    """
    project = yaml.safe_load((root / "Pulumi.yaml").read_text())
    values = _Values(project, given, f"Pulumi.{stack}.yaml")
    backend = values.choice("backend", Backend)
    platform = values.choice("platform", Platform)
    lb_mode = values.choice("lbMode", LbMode)
    clusters = values.clusters()
    regions = {cluster.name: cluster.region for cluster in clusters}
    active_cluster = values.text("activeCluster") or clusters[0].name
    if active_cluster not in regions:
        raise values.refusal("activeCluster", active_cluster, f"use one of {', '.join(regions)}")
    try:
        edge_weights(lb_mode, clusters, active_cluster)
    except RoutingError as error:
        raise SettingsError(f"clusters in {values.file}: {error}") from None
    ports = LocalPorts(
        values.whole("localPort", 1024, 65535 - 2 - len(clusters)),
        (EDGE_CLUSTER, *regions),
    )
    return Settings(
        stack=stack,
        lb_mode=lb_mode,
        clusters=clusters,
        active_cluster=active_cluster,
        edge_region=values.region("edgeRegion") or regions[active_cluster],
        backend=backend,
        platform=platform,
        manifest=values.file_path("manifest", root),
        http_profile=values.file_path("httpProfile", root),
        online_banking_secret=root / "manifests" / "online-banking-secret.yaml",
        local_ports=ports,
        local_nodes=values.whole("localNodes", 1, 5),
        gateway_replicas=values.whole("gatewayReplicas", 1, 10),
        edge_replicas=values.whole("edgeReplicas", 1, 10),
        state=root / ".demo" / stack,
    )


class _Values:
    """Typed access to the configuration's text; every method raises SettingsError."""

    def __init__(self, project: Mapping[str, Any], given: Mapping[str, str], file: str) -> None:
        self.file = file
        prefix = f"{project['name']}:"
        self._declared = {k: v for k, v in project["config"].items() if ":" not in k}
        self._given = {k.removeprefix(prefix): v for k, v in given.items()}
        for key in self._given:
            if key not in self._declared and not key.startswith("pulumi:"):
                raise SettingsError(
                    f"unknown key {key} in {file}{_did_you_mean(key, self._declared)}; remove it: "
                    f"./demo pulumi config rm {key}"
                )

    def refusal(self, key: str, given: object, remedy: str) -> SettingsError:
        """Gives the error that says what is wrong with the value of a key."""
        return SettingsError(f"{key} in {self.file} is '{given}': {remedy}")

    def text(self, key: str) -> str:
        """Gives the value as text."""
        return str(self._given.get(key, self._declared[key]["default"])).strip()

    def choice(self, key: str, choices: type[_Choice]) -> _Choice:
        """Gives one of an enumeration's members."""
        given = self.text(key)
        if given not in list(choices):
            allowed = [str(choice) for choice in choices if choice not in NOT_BUILT]
            raise self.refusal(
                key, given, f"use one of {', '.join(allowed)}{_did_you_mean(given, choices)}"
            )
        chosen = choices(given)
        if chosen in NOT_BUILT:
            default = self._declared[key]["default"]
            raise self.refusal(
                key,
                given,
                f"this version has no {key} {given} yet; ./demo pulumi config set {key} {default}",
            )
        return chosen

    def whole(self, key: str, lowest: int, highest: int) -> int:
        """Gives a whole number between two bounds, both allowed."""
        given = self.text(key)
        if not re.fullmatch(r"-?\d{1,9}", given) or not lowest <= int(given) <= highest:
            raise self.refusal(key, given, f"use a whole number from {lowest} to {highest}")
        return int(given)

    def region(self, key: str) -> str:
        """Gives the name of a region, or nothing."""
        given = self.text(key)
        if given and not _REGION.fullmatch(given):
            raise self.refusal(key, given, "use a region's name, such as us-east1")
        return given

    def file_path(self, key: str, root: Path) -> Path:
        """Gives the path of a file that is there."""
        given = self.text(key)
        path = root / given
        if not path.is_file():
            raise self.refusal(
                key, given, f"there is no such file in {root}; name one that is there"
            )
        return path

    def clusters(self) -> tuple[ApplicationCluster, ...]:
        """Gives the application clusters: at least one, names distinct."""
        given = self._given.get("clusters", self._declared["clusters"]["default"])
        try:
            entries = json.loads(given) if isinstance(given, str) else given
        except ValueError:
            entries = None
        if not isinstance(entries, list) or not entries:
            raise self.refusal("clusters", given, "use a list with at least one name and region")
        if len(entries) > MAX_APPLICATION_CLUSTERS:
            raise SettingsError(
                f"clusters in {self.file} has {len(entries)} entries; "
                f"use at most {MAX_APPLICATION_CLUSTERS}"
            )
        clusters = tuple(self._cluster(f"clusters[{i}]", e) for i, e in enumerate(entries))
        names = [cluster.name for cluster in clusters]
        for position, name in enumerate(names):
            if name in names[:position]:
                raise self.refusal(
                    f"clusters[{position}].name", name, "another cluster has it; use another name"
                )
        return clusters

    def _cluster(self, where: str, entry: object) -> ApplicationCluster:
        if not isinstance(entry, dict):
            raise self.refusal(where, entry, "use an object with name and region")
        for key in entry:
            if key not in _CLUSTER_KEYS:
                raise SettingsError(
                    f"unknown key {where}.{key} in {self.file}"
                    f"{_did_you_mean(key, _CLUSTER_KEYS)}; a cluster has {', '.join(_CLUSTER_KEYS)}"
                )
        name, region = entry.get("name", ""), entry.get("region", "")
        if not isinstance(name, str) or not _CLUSTER_NAME.fullmatch(name):
            raise self.refusal(
                f"{where}.name", name, "use 1 to 40 small letters, digits and -, a letter first"
            )
        if name == EDGE_CLUSTER:
            raise self.refusal(f"{where}.name", name, "that is the edge's own; use another name")
        if not isinstance(region, str) or not _REGION.fullmatch(region):
            raise self.refusal(f"{where}.region", region, "use a region's name, such as us-east1")
        weight = entry.get("weight", 100)
        if not re.fullmatch(r"\d{1,6}", str(weight)):
            raise self.refusal(
                f"{where}.weight", weight, "use a whole number from 0 (standby) to 999999"
            )
        return ApplicationCluster(name, region, int(weight))


def _did_you_mean(given: str, known: Iterable[str]) -> str:
    """Gives `, did you mean …?` where a known word is near, else nothing."""
    near = {str(word).lower(): str(word) for word in known}
    found = difflib.get_close_matches(given.lower(), near, n=1)
    return f" (did you mean {near[found[0]]}?)" if found else ""
