"""Address ranges of the clusters in their one network: disjoint, the same in every update.

A cluster that is made gets the position that it has in the settings, the edge 0. It keeps that for
life: with other ranges Google makes it anew, and all in it. Ranges of Google's own services and of
Docker's bridge (172.17.0.0/16) stay free.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from foundation.errors import UserError
from localkube import spec

MAX_CLUSTERS = 16

_NODES = IPv4Network("10.64.0.0/16")
_PODS = IPv4Network("10.80.0.0/12")
_SERVICES = IPv4Network("10.96.0.0/16")
_CONTROL_PLANES = IPv4Network("172.16.0.0/24")

_SUBNETWORK = "gcp:compute/subnetwork:Subnetwork"

SUBNETWORK_SUFFIX = "-subnetwork"
"""End of the name of a cluster's subnetwork as a resource; before it is the cluster's."""


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


def positions(names: Sequence[str], state: Path | None) -> dict[str, int]:
    """Return the position of each cluster: the one that it has, else the first free one.

    `state` is the file of the stack's state. Without one to read positions are those of the list.
    Raises UserError for one that cannot be read, for then clusters would change places.
    """
    if state is None or not state.exists():
        return spec.numbered(names, {})
    try:
        latest = json.loads(state.read_text())["checkpoint"]["latest"] or {}
        return spec.numbered(names, known(latest.get("resources") or []))
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"{state} cannot be read, and says which addresses the clusters have; put it back from "
            f"{state.name}.bak beside it"
        ) from None


def known(resources: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return the position of each cluster that has a subnetwork among the resources of a state."""
    places = {ranges(index).nodes: index for index in range(MAX_CLUSTERS)}
    subnetworks = {
        each["urn"].rpartition("::")[2].removesuffix(SUBNETWORK_SUFFIX): each["inputs"]
        for each in resources
        if each["type"] == _SUBNETWORK
    }
    found = {name: places.get(inputs.get("ipCidrRange")) for name, inputs in subnetworks.items()}
    return {name: place for name, place in found.items() if place is not None}
