"""An exposed Service as a cluster gets it: its weight, and its headless twin."""

from __future__ import annotations

import copy

import pytest

from components.routing.annotations import PREFIX
from components.routing.exposed_services import headless, twin_name, with_weight
from components.routing.routes import is_exposed
from tests.support.exposed_service import service


@pytest.mark.parametrize(
    ("weight", "text"), [(100, "corp-edge:100"), (0, "corp-edge:0"), (None, "corp-edge")]
)
def test_the_weight_is_written_on_a_copy_of_the_service(weight: int | None, text: str) -> None:
    given = service(edge_cluster="corp-edge")
    before = copy.deepcopy(given)
    notes = with_weight(given, weight)["metadata"]["annotations"]
    assert notes[f"{PREFIX}edge-clusters"] == text
    assert f"{PREFIX}edge-cluster" not in notes
    assert given == before


def test_the_headless_twin_selects_the_same_ready_pods_and_is_not_exposed() -> None:
    twin = headless(service())
    assert twin["metadata"]["name"] == twin_name("shop")
    assert twin["metadata"]["namespace"] == "retail"
    assert twin["spec"]["clusterIP"] == "None"

    assert twin["spec"]["selector"] == {"app": "shop"}
    assert twin["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "web"}]
    assert not is_exposed(twin)


def test_the_twin_is_not_found_by_the_services_labels() -> None:
    assert "labels" not in headless(service())["metadata"]
