"""The ConfigMap by which an application knows the cluster and the region that it runs in."""

from __future__ import annotations

from typing import Any
from zlib import crc32

NAME = "cluster-info"

#: Colours of the two regions that the demo starts with, by a part of the region's name.
_KNOWN = {"east": "#d97706", "west": "#2563eb"}
#: Colours for other regions; all of them dark enough for white letters on top.
_OTHERS = ("#059669", "#7c3aed", "#db2777", "#0e7490", "#b91c1c", "#4d7c0f")


def region_colour(region: str) -> str:
    """Gives the CSS colour that stands for a region; a region always has the same."""
    for part, colour in _KNOWN.items():
        if part in region:
            return colour
    return _OTHERS[crc32(region.encode()) % len(_OTHERS)]


def cluster_info(cluster: str, region: str, namespace: str) -> dict[str, Any]:
    """Gives the ConfigMap `cluster-info` with the keys `cluster`, `region` and `colour`."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": namespace},
        "data": {"cluster": cluster, "region": region, "colour": region_colour(region)},
    }
