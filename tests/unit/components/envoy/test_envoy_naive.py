"""The naive route with real Envoys on loopback: it shows each fault, and the others do not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.envoy.naive import MARK
from components.routing.targets import LbMode, edge_targets, edge_weights, naive_targets
from drills.traffic import Header, Plan, Sample
from drills.traffic.accounts import ledger_of
from drills.traffic.generator import Traffic
from tests.support.envoy_lab import CLUSTERS, WEST, Lab, lab
from tests.support.envoy_process import HOST, Answer, ask, eventually

REAL, NAIVE = "/web-portal", "/naive/web-portal"
PODS = 2
TURNS = 8
"""Requests by each route that a test sends: each gateway's pods have had their turn twice."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("naive")) as made:
        for cluster in CLUSTERS:
            for number in range(1, PODS + 1):
                made.add_pod(cluster, number)
            made.add_gateway(cluster, naive_route=True)
        made.start()
        edges = []
        for mode in (LbMode.ACTIVE, LbMode.STANDBY):
            weights = edge_weights(mode, CLUSTERS, WEST.name)
            targets = edge_targets(weights, CLUSTERS, made.gateways, "us-east1")
            plain = tuple(naive_targets(targets, weights))
            edges.append(made.add_edge(str(mode), targets, naive_targets=plain).name)
        made.start(*edges)
        yield made


@pytest.fixture(autouse=True)
def _healthy(world: Lab) -> None:
    """Waits until every route of every edge leads to both its pods of every cluster again."""

    def healed() -> bool:
        hosts = [world.hosts(name) for name in ("active", "standby")]
        if any(flags for known in hosts for flags in known.values()):
            return False
        return all(
            asked(world, edge, NAIVE, 2 * TURNS).keys() == {200} for edge in ("active", "standby")
        )

    eventually(healed, "all is well", 15)


def get(world: Lab, edge: str, path: str, **more: object) -> Answer:
    return ask(world.envoys[edge].address, 8443, path, tls=world.client_context(), **more)


def asked(world: Lab, edge: str, path: str, requests: int = TURNS) -> Counter[int]:
    return Counter(get(world, edge, path).status for _ in range(requests))


def upstream(world: Lab, answer: Answer) -> set[str]:
    """Gives the Envoy clusters by which gateways sent the answer's request on."""
    wanted = answer.headers["x-request-id"]

    def lines() -> list[dict]:
        logs = [world.envoys[f"gateway-{cluster.name}"].log() for cluster in CLUSTERS]
        return [line for log in logs for line in log if line["request_id"] == wanted]

    eventually(lambda: bool(lines()), "the gateway has written it down")
    return {line["upstream"] for line in lines()}


def test_when_all_is_well_the_naive_route_answers_as_the_other_does(world: Lab) -> None:
    answers = [get(world, "active", NAIVE) for _ in range(4 * TURNS)]
    assert {answer.status for answer in answers} == {200}
    assert Counter(answer.cluster for answer in answers) == {
        "east-cluster": 2 * TURNS,
        "west-cluster": 2 * TURNS,
    }
    assert len({answer.pod for answer in answers}) == len(CLUSTERS) * PODS


def test_the_standby_takes_no_naive_request(world: Lab) -> None:
    answers = [get(world, "standby", NAIVE) for _ in range(TURNS)]
    assert {(answer.status, answer.cluster) for answer in answers} == {(200, "west-cluster")}


def test_path_and_query_arrive_without_the_prefix_also_by_the_edges_own_address(
    world: Lab,
) -> None:
    address = world.envoys["active"].address
    for host in (HOST, f"{address}:10443"):
        answer = get(world, "active", f"{NAIVE}/api/whoami?a=b", host=host)
        assert (answer.status, answer.body[:1]) == (200, "{")
        assert upstream(world, answer) == {"naive_transaction-service_web-portal"}


@pytest.mark.parametrize("path", ["/naive", "/naive/", "/naivety/web-portal", "/naive/web-portalx"])
def test_nothing_else_is_below_the_prefix(world: Lab, path: str) -> None:
    assert get(world, "active", path).status == 404


def test_http_is_sent_to_the_naive_route_of_https(world: Lab) -> None:
    answer = ask(world.envoys["active"].address, 8080, NAIVE)
    assert (answer.status, answer.headers["location"]) == (308, f"https://{HOST}:10443{NAIVE}")


@pytest.mark.parametrize("value", ["true", "false", ""])
def test_a_clients_own_mark_chooses_nothing(world: Lab, value: str) -> None:
    real = get(world, "active", REAL, headers={MARK: value})
    assert upstream(world, real) == {"app_transaction-service_web-portal"}
    naive = get(world, "active", NAIVE, headers={MARK: value})
    assert upstream(world, naive) == {"naive_transaction-service_web-portal"}


@pytest.mark.parametrize(("mode", "kept"), [("active", TURNS // 2), ("standby", 0)])
def test_a_killed_gateway_costs_the_naive_route_its_share_and_the_other_nothing(
    world: Lab, mode: str, kept: int
) -> None:
    gateway = world.envoys["gateway-west-cluster"]
    gateway.kill()
    try:
        naive, real = asked(world, mode, NAIVE), asked(world, mode, REAL)
    finally:
        world.start(gateway.name)
    assert naive == Counter({200: kept, 503: TURNS - kept})
    assert real == {200: TURNS}


@pytest.mark.parametrize(("mode", "kept"), [("active", TURNS // 2), ("standby", 0)])
def test_killed_pods_cost_the_naive_route_their_share_whether_dns_knows_it_or_not(
    world: Lab, mode: str, kept: int
) -> None:
    pods = [world.envoys[f"pod-west-cluster-{number}"] for number in (1, 2)]
    addresses = world.shown_pods(WEST)
    for pod in pods:
        pod.kill()
    try:
        listed = asked(world, mode, NAIVE), asked(world, mode, REAL)
        world.show_pods(WEST, [])
        eventually(lambda: nobody_left(world), "west's gateway has forgotten its pods")
        unlisted = asked(world, mode, NAIVE), asked(world, mode, REAL)
    finally:
        world.start(*(pod.name for pod in pods))
        world.show_pods(WEST, addresses)
    for naive, real in (listed, unlisted):
        assert naive == Counter({200: kept, 503: TURNS - kept})
        assert real == {200: TURNS}


def nobody_left(world: Lab) -> bool:
    answer = ask(world.gateways["west-cluster"], 9901, "/clusters")
    name = "naive_transaction-service_web-portal::"
    return f"{name}observability_name" in answer.body and f"{name}127." not in answer.body


def test_a_pod_that_dns_does_not_name_any_more_is_left_by_the_naive_route_too(world: Lab) -> None:
    pod = world.envoys["pod-west-cluster-1"]
    addresses = world.shown_pods(WEST)
    pod.kill()
    try:
        assert asked(world, "standby", NAIVE) == {200: TURNS // 2, 503: TURNS // 2}
        world.show_pods(WEST, [address for address in addresses if address != pod.address])
        eventually(
            lambda: asked(world, "standby", NAIVE) == {200: TURNS}, "the pod is known to be gone"
        )
    finally:
        world.start(pod.name)
        world.show_pods(WEST, addresses)


def test_the_ledger_tells_both_routes_apart(world: Lab, tmp_path: Path) -> None:
    edge, gateway = world.envoys["standby"], world.envoys["gateway-west-cluster"]
    authority = tmp_path / "ca.pem"
    authority.write_text(world.clients.certificate)
    address = f"https://{edge.address}:8443"
    plan = Plan.to(
        address + REAL, naive_url=address + NAIVE, rate=60, host=HOST, ca_file=str(authority)
    )
    with Traffic(plan, Header(run="t", started=time.time()), tmp_path) as traffic:

        def latest() -> Sample:
            every, _ = traffic.since(0)
            return next(s for s in reversed(every) if s.lane == "naive")

        eventually(lambda: traffic.count > 30, "traffic flows")
        gateway.kill()
        eventually(lambda: latest().failure == "503", "the naive route has lost a request")
        world.start(gateway.name)
        eventually(lambda: not latest().lost, "the naive route answers again")
    ledger = ledger_of(tmp_path)
    assert ledger.promised.lost == 0
    assert ledger.beside["naive"].lost > 0
    assert ledger.beside["naive"].failures.keys() <= {"503"}
