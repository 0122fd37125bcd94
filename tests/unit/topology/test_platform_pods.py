"""The picture on a platform whose proxies cannot be asked: what is known, and what is not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from drills.application import Application
from drills.journal import Entry, Journal
from drills.stack import Stack
from drills.traffic import EventKind
from foundation import project
from tests.support import loopback_kubectl
from tests.support.pictures import EAST, WEST, told
from tests.support.waiting import eventually
from topology import metrics
from topology.__main__ import _source
from topology.history import History
from topology.live import Live
from topology.platform_pods import PlatformPods, Pod, picture

DUE = {EAST: 1.0, WEST: 0.0}


def states(found: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: str(each["state"]) for each in found["clusters"]}


def test_a_cluster_is_ready_while_a_pod_is_and_nobody_says_who_serves() -> None:
    pods = [Pod("a", EAST, ready=True), Pod("b", EAST), Pod("c", WEST, leaving=True)]
    found = picture(pods, DUE, 100.0)
    assert states(found) == {EAST: "ready", WEST: "unreachable"}
    east = found["clusters"][0]
    assert [pod["state"] for pod in east["pods"]] == ["ready", "unreachable"]
    assert (found["rate"], east["rate"], east["share"], east["due"]) == (None, None, None, 1.0)
    assert [each["state"] for each in [*found["edge"], *east["gateways"]]] == ["not known"] * 2
    pods[0].gone = True
    gone = picture(pods, DUE, 101.0)["clusters"][0]["pods"]
    assert [pod["state"] for pod in gone] == ["gone", "unreachable"], "nothing disappears"
    assert states(picture([], DUE, 100.0)) == {EAST: "not known", WEST: "not known"}


def test_of_pods_that_are_gone_those_that_went_last_stay() -> None:
    source = PlatformPods(Path("kubeconfig"), "tetrate", APPLICATION, DUE)
    for number in range(20):
        source._note(EAST, "ADDED", {"metadata": {"name": f"shop-{number}"}})
    for number in (0, *range(2, 20)):
        source._note(EAST, "DELETED", {"metadata": {"name": f"shop-{number}"}})
    left = [pod["address"] for pod in source.picture(100.0)["clusters"][0]["pods"]]
    assert sorted(left) == sorted(["shop-1", *(f"shop-{number}" for number in range(12, 20))])


def test_its_history_and_metrics_say_nothing_of_requests() -> None:
    history = History("west")
    history.add(picture([Pod("a", EAST, ready=True)], DUE, 100.0))
    fault = told(101.0, EventKind.FAULT)
    found = history.add(picture([Pod("a", EAST)], DUE, 101.5), [fault])
    kinds = [(event["kind"], event.get("state")) for event in found["events"]]
    assert kinds == [("struck", None), ("state", "unreachable"), ("state", "unreachable")]
    text = metrics.exposition(lambda: found, list)().decode()
    assert f'topology_cluster_due_share_ratio{{cluster="{EAST}"}} 1.0' in text
    state = f'{{cluster="{EAST}",topology_cluster_state="unreachable"}} 1.0'
    assert f"topology_cluster_state{state}" in text
    assert "topology_cluster_share_ratio{" not in text


APPLICATION = Application(namespace="shop", kind="", selector={"app": "shop"}, host="h")


def stack(folder: Path) -> Stack:
    return Stack(
        "west",
        folder,
        folder / "kubeconfig",
        {EAST: 100, WEST: 0},
        "standby",
        platform="tetrate",
        order=((EAST,), (WEST,)),
        application=APPLICATION,
    )


def test_pods_are_watched_by_the_stacks_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = loopback_kubectl.install(tmp_path / "bin", {EAST: {"shop-1": ""}, WEST: {}})
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(project, "PRIVATE", tmp_path)
    live = Live("west", _source(stack(tmp_path)))
    live.start()
    try:
        expected = {EAST: "ready", WEST: "not known"}
        eventually(lambda: states(live.latest) == expected, "the pod is in the picture", 20)
        assert live.latest["limits"].startswith("The proxies of platform tetrate cannot be asked")
        json.dumps(live.latest)
    finally:
        live.source.stop()


def test_a_fault_that_is_in_force_at_the_start_is_in_the_list_of_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "PRIVATE", tmp_path)
    Journal(tmp_path / "west").add(Entry("workload-gone", EAST, 100.0))
    found = Live("west", _source(stack(tmp_path))).latest
    told = [(event["at"], event["text"]) for event in found["events"]]
    assert told == [(100.0, f"{EAST}: struck, workload-gone")]
    assert [each["fault"] for each in found["broken"]] == ["workload-gone"]


def test_the_selector_is_the_applications() -> None:
    made = PlatformPods(Path("kubeconfig"), "tetrate", APPLICATION, DUE)
    assert (made.proxies(), APPLICATION.label_selector) == ([], "app=shop")
