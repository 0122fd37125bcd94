"""The stack of two clusters that drills' tests speak of."""

from __future__ import annotations

from pathlib import Path

from drills.stack import EDGE, Stack

EAST, WEST = "east-cluster", "west-cluster"
ACTIVE = ((EAST, WEST),)
STANDBY = ((WEST,), (EAST,))
CLUSTERS = (EAST, WEST, EDGE)
WELL = dict.fromkeys(CLUSTERS, "")


def stack(folder: Path) -> Stack:
    weights = {EAST: 100, WEST: 100}
    return Stack("west", folder, folder / "kubeconfig", weights, "active", order=ACTIVE)
