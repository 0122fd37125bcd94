"""What is lost is replaced by what is left: pods, gateways, a cluster. Traffic goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.checkout import Checkout
from tests.support.traffic import Traffic, ask, served
from tests.support.waiting import eventually

EAST, WEST = "east-cluster", "west-cluster"
RATE = 50
PORTAL = ("transaction-service", "web-portal")
GATEWAY = ("tetrate-system", "gateway")


def scale(demo: Checkout, cluster: str, deployment: tuple[str, str], replicas: int) -> None:
    namespace, name = deployment
    command = ("--namespace", namespace, "scale", "deployment", name, f"--replicas={replicas}")
    demo.kubectl(cluster, *command)


def pods(demo: Checkout, cluster: str, deployment: tuple[str, str]) -> int:
    """How many pods of a Deployment there are, those included that are ending."""
    namespace, name = deployment
    label = f"--selector=app.kubernetes.io/name={name}" if name == "gateway" else f"-lapp={name}"
    return len(
        demo.kubectl(cluster, "--namespace", namespace, "get", "pods", label, "-oname").split()
    )


def only(outputs: dict[str, Any], cluster: str) -> Callable[[], bool]:
    """Whether ten answers in a row come from this cluster."""
    return lambda: served(ask(outputs, 10)) == {cluster: 10}


def both(outputs: dict[str, Any]) -> bool:
    """Whether both clusters are among ten answers, all good."""
    answers = ask(outputs, 10)
    return not any(answer.lost for answer in answers) and len(served(answers)) == 2


@pytest.mark.parametrize("deployment", [PORTAL, GATEWAY], ids=["pods", "gateway"])
def test_scaled_to_nothing_the_other_cluster_answers_and_back(
    demo: Checkout, outputs: dict[str, Any], deployment: tuple[str, str]
) -> None:
    with Traffic(outputs, RATE) as traffic:
        scale(demo, EAST, deployment, 0)
        eventually(lambda: pods(demo, EAST, deployment) == 0, "its pods have ended", 60)
        eventually(only(outputs, WEST), f"{WEST} answers alone")
        scale(demo, EAST, deployment, 2)
        eventually(lambda: both(outputs), f"{EAST} answers again", 60)
    print(traffic.summary())
    assert traffic.lost == []


def test_a_cluster_without_power_is_missed_for_a_second_at_most(
    demo: Checkout, outputs: dict[str, Any]
) -> None:
    with Traffic(outputs, RATE) as traffic:
        time.sleep(1)  # connections are warm
        struck = time.monotonic()
        demo.demo("local", "stop", EAST)
        eventually(only(outputs, WEST), f"{WEST} answers alone")
        time.sleep(2)  # what comes late
    print(f"power cut: {traffic.summary()}")
    late = [answer for answer in traffic.lost if answer.sent > struck + 1]
    assert late == []


def test_a_cluster_without_power_is_drift_and_up_mends_it(
    demo: Checkout, outputs: dict[str, Any]
) -> None:
    status = demo.demo("local", "status", check=False)
    assert status.code and "no power" in status.output
    steps = demo.preview()
    assert ("update", f"pulumi-python:dynamic/localkube:Cluster::{EAST}") in steps
    assert {operation for operation, _ in steps} == {"update"}
    with Traffic(outputs, RATE) as traffic:
        demo.demo("up")
        eventually(lambda: both(outputs), f"{EAST} answers again", 60)
    print(f"power back: {traffic.summary()}")
    assert traffic.lost == []
    assert demo.preview() == []


def test_stop_and_start_by_hand_leave_no_drift(demo: Checkout, outputs: dict[str, Any]) -> None:
    demo.demo("local", "stop", WEST)
    eventually(only(outputs, EAST), f"{EAST} answers alone")
    demo.demo("local", "start", WEST)
    eventually(lambda: both(outputs), f"{WEST} answers again", 60)
    assert demo.preview() == []
