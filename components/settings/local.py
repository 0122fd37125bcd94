"""The keys of backend `local`: ports on 127.0.0.1, and nodes of each cluster."""

from __future__ import annotations

from dataclasses import dataclass

from components.settings.values import Values
from localkube.spec import MAX_CLUSTERS

KEYS = ("localPort", "localNodes")
"""Keys that mean nothing to other backends."""


@dataclass(frozen=True)
class LocalPorts:
    """The run of ports on 127.0.0.1 that a stack of backend local takes, from its first."""

    first: int

    @property
    def https(self) -> int:
        """Port of the edge for https."""
        return self.first

    @property
    def http(self) -> int:
        """Port of the edge for http, where requests are redirected to https."""
        return self.first + 1

    def api(self, index: int) -> int:
        """Return the port of the API server of the cluster with this index, from 0."""
        return self.first + 2 + index


@dataclass(frozen=True)
class LocalSettings:
    """What the user chose for clusters on this machine."""

    ports: LocalPorts
    nodes: int
    """Nodes of each cluster."""


def read(values: Values) -> LocalSettings:
    """Read the keys. Raises SettingsError."""
    first = values.whole("localPort", 1024, 65535 - 1 - MAX_CLUSTERS)
    return LocalSettings(LocalPorts(first), values.whole("localNodes", 1, 5))
