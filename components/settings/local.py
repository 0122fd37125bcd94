"""The keys of backend `local`: ports on 127.0.0.1, and nodes of each cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.settings.values import Values

KEYS = ("localPort", "localNodes")
"""Keys that mean nothing to other backends."""


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
class LocalSettings:
    """What the user chose for clusters on this machine."""

    ports: LocalPorts
    nodes: int
    """Nodes of each cluster."""


def read(values: Values, clusters: Sequence[str]) -> LocalSettings:
    """Read the keys; `clusters` are all names, the edge's first. Raises SettingsError."""
    first = values.whole("localPort", 1024, 65535 - 1 - len(clusters))
    return LocalSettings(LocalPorts(first, tuple(clusters)), values.whole("localNodes", 1, 5))
