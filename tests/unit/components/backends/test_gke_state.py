"""What is known of GKE clusters that are there, and what is refused of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from components.backends import gke_state
from components.backends.gke_network import ranges
from foundation.errors import UserError

NAMES = ("corp-edge", "east", "west")


def at(names: Sequence[str], state: Path | None) -> dict[str, int]:
    return gke_state.positions(names, gke_state.resources(state))


def subnetwork(name: str, index: int) -> dict[str, Any]:
    urn = f"urn:pulumi:west::project::demo$gcp:compute/subnetwork:Subnetwork::{name}-subnetwork"
    kind = "gcp:compute/subnetwork:Subnetwork"
    return {"type": kind, "urn": urn, "inputs": {"ipCidrRange": ranges(index).nodes}}


def test_a_cluster_keeps_its_ranges_when_one_before_it_goes_or_comes(tmp_path: Path) -> None:
    names = ("corp-edge", "east", "west", "south")
    state = tmp_path / "west.json"
    assert at(names, None) == at(names, state) == dict(zip(names, range(4), strict=True))
    made = [subnetwork(name, index) for index, name in enumerate(names)]
    state.write_text(json.dumps({"checkpoint": {"latest": {"resources": made}}}))
    assert at(("corp-edge", "west", "south"), state) == {
        "corp-edge": 0, "west": 2, "south": 3,
    }  # fmt: skip
    assert at(("corp-edge", "new", *names[1:]), state)["new"] == 4
    swapped = at(("corp-edge", "south", "east", "west"), state)
    assert swapped == {"corp-edge": 0, "east": 1, "west": 2, "south": 3}


@pytest.mark.parametrize("latest", [{}, {"latest": None}, {"latest": {"resources": None}}])
def test_a_stack_with_nothing_in_it_counts_from_the_front(
    tmp_path: Path, latest: dict[str, Any]
) -> None:
    state = tmp_path / "west.json"
    state.write_text(json.dumps({"checkpoint": {"latest": None, **latest}}))
    assert at(("corp-edge", "east"), state) == {"corp-edge": 0, "east": 1}


def test_with_a_state_that_is_torn_no_cluster_changes_places(tmp_path: Path) -> None:
    state = tmp_path / "west.json"
    state.write_text("{")
    with pytest.raises(UserError, match=r"west\.json cannot be read.* from west\.json\.bak"):
        at(("corp-edge", "east"), state)


def cluster(name: str, private: bool) -> dict[str, Any]:
    inputs = {"privateClusterConfig": {"enablePrivateNodes": True}} if private else {}
    kind = "gcp:container/cluster:Cluster"
    return {"type": kind, "urn": f"urn::{kind}::{name}-cluster", "inputs": inputs}


@pytest.mark.parametrize("private", [True, False])
def test_nodes_of_a_cluster_that_is_there_stay_as_they_are(private: bool) -> None:
    made = [cluster(name, private) for name in (*NAMES, "gone")]
    gke_state.check_nodes(NAMES, private, made)
    gke_state.check_nodes(("new",), not private, made)
    was, now = str(private).lower(), str(not private).lower()
    with pytest.raises(UserError) as refusal:
        gke_state.check_nodes(NAMES, not private, made)
    assert str(refusal.value).startswith(
        f"gkePrivateNodes is {now}, and corp-edge, east, west are there with {was}; a cluster keeps"
        f" that for life: ./demo pulumi config set gkePrivateNodes {was}, or"
    )
