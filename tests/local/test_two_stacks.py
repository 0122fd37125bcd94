"""Stack east beside stack west, with two nodes a cluster: apart from each other, on one machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.local.test_kubernetes import GET, NAMESPACE
from tests.support import lab
from tests.support.checkout import CLUSTERS, PORTS, Checkout
from tests.support.traffic import answers_from, ask
from tests.support.waiting import eventually

EAST = "east-cluster"


@pytest.fixture(scope="module")
def east(copy: Checkout, up: str) -> Iterator[dict[str, Any]]:
    """Outputs of stack east, up beside west; down again at the end.

    It is brought up behind a company's proxy, which is no way to a node and is never asked for one.
    """
    copy.demo("pulumi", "stack", "select", "--create", "east")
    copy.demo("pulumi", "config", "set", "localNodes", "2", "--stack", "east")
    proxy = "http://127.0.0.1:9"  # nobody listens there, neither on the machine nor in a node
    copy.demo("up", "east", HTTP_PROXY=proxy, HTTPS_PROXY=proxy, NO_PROXY="example.com")
    yield copy.outputs("east")
    copy.demo("pulumi", "config", "rm", "localNodes", "--stack", "east")
    copy.demo("destroy", "east")
    copy.demo("pulumi", "stack", "select", "west")


def answers(outputs: dict[str, Any]) -> bool:
    """Whether a stack's portal answers."""
    return not ask(outputs)[0].lost


def pods(demo: Checkout) -> dict[str, str]:
    """Pods of the portal in stack east's cluster east, but those that end: name -> node."""
    command = ("--namespace", NAMESPACE, "get", "pods", "--output=json")
    items = json.loads(demo.kubectl(EAST, *command))["items"]
    staying = [item for item in items if "deletionTimestamp" not in item["metadata"]]
    return {item["metadata"]["name"]: item["spec"]["nodeName"] for item in staying}


def test_both_stacks_answer_each_with_its_own_certificate(
    demo: Checkout, outputs: dict[str, Any], east: dict[str, Any]
) -> None:
    assert outputs["url"] != east["url"]
    assert outputs["caCertificate"] != east["caCertificate"]
    for each in (outputs, east):
        eventually(partial(answers, each), f"{each['url']} answers")
    crossed = {**outputs, "caCertificate": east["caCertificate"]}
    assert "CERTIFICATE_VERIFY_FAILED" in ask(crossed)[0].problem


def test_each_stack_has_its_own_ports_and_namespaces(demo: Checkout, east: dict[str, Any]) -> None:
    for stack in ("east", "west"):
        first = demo.ports[stack]
        listening = {("127.0.0.1", port) for port in range(first, first + PORTS)}
        assert lab.listening_on_host(demo.lab(stack)) == listening
    members = [lab.namespaces(lab.processes(demo.lab(stack))) for stack in ("east", "west")]
    assert members[0] and members[1] and not members[0] & members[1]


def test_every_cluster_has_two_ready_nodes(demo: Checkout, east: dict[str, Any]) -> None:
    for cluster in CLUSTERS:
        wait = ("wait", "node", f"{cluster}-1", f"{cluster}-2", "--for=condition=Ready")
        demo.kubectl(cluster, *wait, "--timeout=30s")


def test_pods_on_both_nodes_reach_each_other_and_names(
    demo: Checkout, east: dict[str, Any]
) -> None:
    spread = pods(demo)
    assert set(spread.values()) == {f"{EAST}-1", f"{EAST}-2"}
    for asking in spread:
        for host in (*addresses(demo), "web-portal"):
            shell = ("--namespace", NAMESPACE, "exec", asking, "--", "bash", "-c", GET, "get")
            answer = demo.kubectl(EAST, *shell, host, "3000")
            assert "HTTP/1.1 200 OK" in answer, f"{asking} does not reach {host}: {answer}"


def test_rollouts_leave_pods_on_both_nodes(demo: Checkout, east: dict[str, Any]) -> None:
    rollout = ("--namespace", NAMESPACE, "rollout")
    before = pods(demo)
    for _ in range(3):  # begun while pods of the one before still end: what is to be seen
        demo.kubectl(EAST, *rollout, "restart", "deployment/web-portal")
        demo.kubectl(EAST, *rollout, "status", "deployment/web-portal", "--timeout=90s")
        assert sorted(pods(demo).values()) == [f"{EAST}-1", f"{EAST}-2"]
    assert not before.keys() & pods(demo).keys()


def addresses(demo: Checkout) -> list[str]:
    """Addresses of the portal's pods."""
    path = "jsonpath={.items[*].status.podIP}"
    return demo.kubectl(EAST, "--namespace", NAMESPACE, "get", "pods", "--output", path).split()


def test_a_stopped_cluster_of_one_stack_is_nothing_to_the_other(
    demo: Checkout, outputs: dict[str, Any], east: dict[str, Any]
) -> None:
    ambiguous = demo.demo("local", "stop", EAST, check=False)
    assert ambiguous.code and "--stack east or west" in ambiguous.output
    demo.demo("local", "stop", EAST, "--stack", "east")
    eventually(lambda: answers_from(east) == "west-cluster", "the other cluster answers")
    eventually(lambda: answers_from(outputs) == EAST, "west's own east-cluster answers")
    demo.demo("local", "start", EAST, "--stack", "east")
