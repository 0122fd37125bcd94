"""The ConfigMap by which an application knows the cluster and the region that it runs in."""

from __future__ import annotations

from typing import Any

from foundation.colours import region_colour

NAME = "cluster-info"


def cluster_info(cluster: str, region: str, namespace: str) -> dict[str, Any]:
    """Return the ConfigMap `cluster-info` with the keys `cluster`, `region` and `colour`."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": namespace},
        "data": {"cluster": cluster, "region": region, "colour": region_colour(region)},
    }
