"""What the stack's state says of its GKE clusters, for what Google changes only by new clusters.

With new ones goes all that is in them, while Pulumi takes it to be there. Where the state cannot be
read, because it is not in the project's own folder, nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.backends.gke_network import MAX_CLUSTERS, ranges
from components.settings.gke import GkeSettings, Location, Mode
from foundation import state_file
from foundation.errors import UserError, first_of
from localkube import spec

Resources = Sequence[Mapping[str, Any]]

SUBNETWORK_SUFFIX, CLUSTER_SUFFIX, NODES_SUFFIX = "-subnetwork", "-cluster", "-nodes"
"""Ends of the names of a cluster's resources; before them is the cluster's."""

_SUBNETWORK = "gcp:compute/subnetwork:Subnetwork"
_CLUSTER = "gcp:container/cluster:Cluster"
_NODE_POOL = "gcp:container/nodePool:NodePool"
_SHOWN = 3


def resources(state: Path | None) -> Resources:
    """Return the resources of a file of state; none where there is no such file.

    Raises UserError for one that cannot be read, for then clusters would change places.
    """
    if state is None or not state.exists():
        return ()
    try:
        latest = state_file.latest(state)
        return list(latest.get("resources") or ())
    except (OSError, ValueError, TypeError):
        raise UserError(
            f"{state} cannot be read, and says which addresses the clusters have; put it back from "
            f"{state.name}.bak beside it"
        ) from None


def positions(names: Sequence[str], known: Resources) -> dict[str, int]:
    """Return each cluster's position in the address plan: the one it has, else the first free."""
    places = {ranges(index).nodes: index for index in range(MAX_CLUSTERS)}
    subnetworks = _inputs(known, _SUBNETWORK, SUBNETWORK_SUFFIX)
    found = {name: places.get(str(given.get("ipCidrRange"))) for name, given in subnetworks.items()}
    return spec.numbered(names, {name: at for name, at in found.items() if at is not None})


def check_kept(names: Sequence[str], gke: GkeSettings, known: Resources) -> None:
    """Refuse other values of what a cluster keeps for life. Raises UserError.

    Google makes a cluster anew for another, and all of a stack's at once. Nodes that become public
    stay private instead, and lose their way out.
    """
    clusters = _inputs(known, _CLUSTER, CLUSTER_SUFFIX)
    wanted = {
        "gkeMode": str(gke.mode),
        "gkeLocation": str(gke.location),
        "gkePrivateNodes": str(gke.private_nodes).lower(),
    }
    there = {name: _kept(clusters[name]) for name in names if name in clusters}
    for key, now in wanted.items():
        if others := [name for name, kept in there.items() if kept[key] != now]:
            was = there[others[0]][key]
            raise UserError(
                f"{key} is {now}, and {first_of(others, _SHOWN)} are there with {was}; a cluster"
                f" keeps that for life: ./demo pulumi config set {key} {was}, or destroy the stack"
                " before the change"
            )


def _kept(cluster: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that the inputs of a cluster stand for; a zone ends with a letter."""
    is_zonal = str(cluster["location"])[-1].isalpha()
    return {
        "gkeMode": str(Mode.AUTOPILOT if cluster.get("enableAutopilot") else Mode.STANDARD),
        "gkeLocation": str(Location.ZONAL if is_zonal else Location.REGIONAL),
        "gkePrivateNodes": str("privateClusterConfig" in cluster).lower(),
    }


def changes_nodes(machine_type: str, known: Resources) -> bool:
    """Check whether nodes are there that would move to machines of another type."""
    pools = _inputs(known, _NODE_POOL, NODES_SUFFIX).values()
    return any(pool["nodeConfig"]["machineType"] != machine_type for pool in pools)


def _inputs(known: Resources, kind: str, suffix: str) -> dict[str, Mapping[str, Any]]:
    """Return the inputs of the resources of a type, by the clusters that they belong to."""
    return {
        each["urn"].rpartition("::")[2].removesuffix(suffix): each.get("inputs") or {}
        for each in known
        if each["type"] == kind and not each.get("delete")  # one that another has replaced
    }
