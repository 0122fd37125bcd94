"""What is known of GKE clusters that are there, and what is refused of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from components.backends import gke_state
from components.backends.gke_network import ranges
from components.settings.gke import GkeSettings, Location
from foundation.errors import UserError
from tests.support.stack_settings import gke_settings, google

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


def cluster(name: str, given: GkeSettings) -> dict[str, Any]:
    """A resource of the state, as far as it is looked at."""
    location = "us-east1-b" if given.location is Location.ZONAL else "us-east1"
    inputs: dict[str, Any] = {"location": location}
    if given.private_nodes:
        inputs["privateClusterConfig"] = {"enablePrivateNodes": True}
    if given.is_autopilot:
        inputs["enableAutopilot"] = True
    kind = "gcp:container/cluster:Cluster"
    return {"type": kind, "urn": f"urn::{kind}::{name}-cluster", "inputs": inputs}


@pytest.mark.parametrize(
    ("key", "was", "now"),
    [
        ("gkePrivateNodes", "true", "false"),
        ("gkePrivateNodes", "false", "true"),
        ("gkeMode", "standard", "autopilot"),
        ("gkeMode", "autopilot", "standard"),
        ("gkeLocation", "zonal", "regional"),
        ("gkeLocation", "regional", "zonal"),
    ],
)
def test_what_a_cluster_keeps_for_life_stays_as_it_is(key: str, was: str, now: str) -> None:
    before, after = google(gke_settings(**{key: was})), google(gke_settings(**{key: now}))
    made = [cluster(name, before) for name in (*NAMES, "gone")]
    gke_state.check_kept(NAMES, before, made)
    gke_state.check_kept(("new",), after, made)
    with pytest.raises(UserError) as refusal:
        gke_state.check_kept(NAMES, after, made)
    assert str(refusal.value).startswith(
        f"{key} is {now}, and corp-edge, east, west are there with {was}; a cluster keeps"
        f" that for life: ./demo pulumi config set {key} {was}, or"
    )
