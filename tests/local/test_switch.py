"""The switch between modes, under traffic: nothing lost or closed, in force when `up` returns."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.checkout import APPLICATION, Checkout
from tests.support.traffic import Traffic, ask, served
from tests.support.waiting import eventually

RATE = 50
AFTER_SECONDS = 2.0
"""How long traffic goes on after each switch."""


@pytest.fixture(scope="module", autouse=True)
def _active_again(copy: Checkout, up: str) -> Iterator[None]:
    yield
    copy.demo("pulumi", "config", "rm", "lbMode")
    copy.demo("up")


def set_mode(demo: Checkout, mode: str) -> None:
    demo.demo("pulumi", "config", "set", "lbMode", mode)


def switch(demo: Checkout, outputs: dict[str, Any], mode: str, expected: set[str]) -> Traffic:
    """Switches under traffic; from the return of `up` on the expected clusters answer, all.

    Half of the clients keep their connections, and those stay open.
    """
    set_mode(demo, mode)
    before = edge_pods(demo)
    with Traffic(outputs, RATE) as traffic:
        time.sleep(1)  # traffic before the switch
        took = demo.demo("up").seconds
        returned = time.monotonic()
        time.sleep(AFTER_SECONDS)  # traffic after it
    after = traffic.since(returned)
    wrong = [answer.sent - returned for answer in after if answer.cluster not in expected]
    last = f", the last one {wrong[-1]:.2f} s" if wrong else ""
    print(f"{mode}: up {took:.1f} s; {traffic.summary()}; wrong after return: {len(wrong)}{last}")
    assert traffic.lost == []
    assert len(after) > RATE * AFTER_SECONDS / 10
    assert wrong == []
    assert set(served(after)) == expected
    assert traffic.reopened == 0
    assert edge_pods(demo) == before
    return traffic


def edge_pods(demo: Checkout) -> set[str]:
    """The edge's pods: identity and how often each was restarted."""
    path = "jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[*].restartCount},"
    command = ("--namespace", "tetrate-system", "get", "pods", "--output", f"{path}{{end}}")
    return set(filter(None, demo.kubectl("corp-edge", *command).strip().split(",")))


def test_the_preview_shows_the_mode_and_only_updates(demo: Checkout) -> None:
    set_mode(demo, "standby")
    shown = demo.demo("pulumi", "preview", "--diff").output
    assert re.search(r'~ lbMode *: "active" => "standby"', shown)
    assert re.search(r"~ east-cluster *: 100 => 0", shown)
    steps = demo.preview()
    assert {operation for operation, _ in steps} == {"update"}
    assert "demo:edge:Edge::corp-edge" in {resource for _, resource in steps}
    assert not [resource for _, resource in steps if resource.endswith("Deployment::web-portal")]


def test_to_standby_all_requests_go_to_the_active_cluster(
    demo: Checkout, outputs: dict[str, Any]
) -> None:
    traffic = switch(demo, outputs, "standby", {"west-cluster"})
    assert set(served(traffic.answers)) == set(APPLICATION)  # it was active before
    assert demo.outputs()["edgeWeights"] == {"east-cluster": 0, "west-cluster": 100}


def test_the_weight_is_on_the_service(demo: Checkout) -> None:
    path = r"jsonpath={.metadata.annotations.gateway\.tetrate\.io/edge-clusters}"
    command = ("--namespace", "transaction-service", "get", "service", "web-portal")
    assert demo.kubectl("east-cluster", *command, "--output", path) == "corp-edge:0"
    assert demo.kubectl("west-cluster", *command, "--output", path) == "corp-edge:100"


def test_a_switch_that_ended_early_and_was_taken_back_is_waited_for(
    demo: Checkout, outputs: dict[str, Any]
) -> None:
    """As after Ctrl-C: the edge goes by files that no update has seen in force."""
    urns = demo.demo("pulumi", "stack", "--show-urns").output.split()
    (files,) = (u for u in urns if u.endswith("::corp-edge/tetrate-system/gateway-config"))
    set_mode(demo, "standby")
    demo.demo("pulumi", "up", "--yes", "--skip-preview", "--target", files)
    pods = ("--namespace", "tetrate-system", "annotate", "pods", "--all")
    demo.kubectl("corp-edge", *pods, "test/read-files=now")
    eventually(lambda: served(ask(outputs, 20)) == {"west-cluster": 20}, "it goes by them", 30)
    set_mode(demo, "active")
    demo.demo("up")
    assert set(served(ask(outputs, 20))) == {"east-cluster", "west-cluster"}


def test_the_other_cluster_can_be_the_active_one(demo: Checkout, outputs: dict[str, Any]) -> None:
    demo.demo("pulumi", "config", "set", "activeCluster", "east-cluster")
    try:
        switch(demo, outputs, "standby", {"east-cluster"})
    finally:
        demo.demo("pulumi", "config", "set", "activeCluster", "west-cluster")


def test_locality_prefers_the_edges_own_region(demo: Checkout, outputs: dict[str, Any]) -> None:
    switch(demo, outputs, "locality", {"west-cluster"})
    assert demo.outputs()["edgeWeights"] == {"east-cluster": None, "west-cluster": None}


def test_back_to_active_both_answer(demo: Checkout, outputs: dict[str, Any]) -> None:
    switch(demo, outputs, "active", set(APPLICATION))


def test_a_wrong_mode_is_refused_and_the_old_one_serves_on(
    demo: Checkout, outputs: dict[str, Any]
) -> None:
    set_mode(demo, "standy")
    refused = demo.demo("up", check=False)
    assert refused.code and "standby" in refused.output and "Traceback" not in refused.output
    assert not [answer for answer in ask(outputs, 10) if answer.lost]
