"""The load of the drill `overload`, against what the portal's manifest says a pod can serve."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from drills.application import Application
from drills.faults import named
from drills.faults.overload import PAGE, SECONDS, WORKERS, load_of
from drills.live_objects import LiveObjects
from drills.pace import Pace, loaded
from drills.promises import header_of
from drills.stack import Stack
from drills.traffic import Request
from foundation.errors import UserError
from tests.support.envoy_lab import WEST, lab, portal_documents
from tests.support.envoy_process import Envoy, ask


def stack(folder: Path) -> Stack:
    weights = {"east": 1, "west": 1}
    return Stack(
        "west", folder, folder / "kubeconfig", weights, "active", url="https://bank/portal"
    )


@given(st.integers(1, 1000))
def test_the_load_is_three_times_what_is_left_and_half_of_it_before(pods: int) -> None:
    load = load_of(pods)
    capacity = pods * WORKERS / SECONDS
    assert (load.during, load.usual) == (3 * capacity, capacity / 2)
    assert load.usual > load.goodput / 2 > 0


def test_the_pods_that_are_left_are_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ready = {"west": 2, "north": 1, "south": 0}

    def read(_: LiveObjects, cluster: str, *workload: str) -> dict[str, Any]:
        assert workload == ("Deployment", "transaction-service", "web-portal")
        return {"status": {"readyReplicas": ready[cluster]}}

    monkeypatch.setattr(LiveObjects, "read", read)
    find = named("overload").load
    assert find
    assert find(stack(tmp_path), ("west", "north")) == load_of(3)
    with pytest.raises(UserError, match="No pod of web-portal is ready in south"):
        find(stack(tmp_path), ("south",))


def test_only_the_page_that_takes_a_worker_is_asked_for(tmp_path: Path) -> None:
    other = dataclasses.replace(stack(tmp_path), application=Application(path="/portal/"))
    own = Pace(rate=7, requests=(Request(path="/slow"),), timeout=60)
    plan = loaded(own.plan(other), other, load_of(1))
    assert [request.path for request in plan.requests] == [f"/portal/{PAGE}"]
    assert (plan.rate, plan.streams, plan.timeout) == (load_of(1).usual, 0, 3)
    _, header = header_of(other, named("overload"), "east", load_of(1), own.is_own(other))
    assert not header.objectives.beyond_usual


def test_the_manifest_has_the_workers_that_the_drill_counts_on() -> None:
    data = next(d for d in portal_documents() if d["kind"] == "ConfigMap")["data"]
    config = yaml.safe_load(data["envoy.yaml"])["static_resources"]
    (cluster,) = [each for each in config["clusters"] if each["name"] == "workers"]
    (threshold,) = cluster["circuit_breakers"]["thresholds"]
    assert threshold["max_connections"] == WORKERS
    assert f"fixed_delay': '{SECONDS}s'" in str(config["listeners"])


def test_the_struck_cluster_has_the_usual_time_to_leave(tmp_path: Path) -> None:
    here = stack(tmp_path)
    gone = named("gateway-gone")
    assert named("overload").grace_at(here) == gone.grace_at(here) == gone.objectives_at(here).moved
    assert named("mode-switch").grace_at(here) == 0


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    with lab(tmp_path_factory.mktemp("overload")) as made:
        pod = made.add_pod(WEST, 1)
        made.start()
        yield pod


def test_a_pod_refuses_what_its_workers_cannot_take_and_serves_its_other_pages(
    portal: Envoy,
) -> None:
    def get(_: int) -> int:
        return ask(portal.address, 3000, f"/web-portal/{PAGE}").status

    with ThreadPoolExecutor(max_workers=60) as pool:
        asked = pool.map(get, range(60))
        assert ask(portal.address, 3000, "/web-portal/api/whoami").status == 200
        found = Counter(asked)
    assert set(found) == {200, 503}
    assert found[200] >= WORKERS
    assert get(0) == 200
