"""Address ranges of the clusters in their one network: pure, disjoint, the same in every update.

Ranges of Google's own services and of Docker's bridge (172.17.0.0/16) stay free.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

MAX_CLUSTERS = 16

_NODES = IPv4Network("10.64.0.0/16")
_PODS = IPv4Network("10.80.0.0/12")
_SERVICES = IPv4Network("10.96.0.0/16")
_CONTROL_PLANES = IPv4Network("172.16.0.0/24")


@dataclass(frozen=True)
class Ranges:
    """The ranges (CIDR) of one cluster."""

    nodes: str
    pods: str
    """Room for 256 nodes: each takes 256 addresses."""
    services: str
    control_plane: str
    """Where the nodes reach the API server, when they are private."""


def ranges(index: int) -> Ranges:
    """Return the ranges of the cluster at this position, counted from 0."""
    parts = (_part(whole, index) for whole in (_NODES, _PODS, _SERVICES, _CONTROL_PLANES))
    return Ranges(*parts)


def _part(whole: IPv4Network, index: int) -> str:
    """Return one of sixteen equal parts."""
    if not 0 <= index < MAX_CLUSTERS:
        raise ValueError(f"there is no position {index} among {MAX_CLUSTERS} clusters")
    return str(list(whole.subnets(prefixlen_diff=4))[index])
