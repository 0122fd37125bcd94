"""The data path with real Envoys on loopback; each fault is healed before the next test."""

from __future__ import annotations

import contextlib
import signal
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.envoy.common import edge_san
from components.envoy.drain import drain_command
from components.envoy.health import RENEWED_REQUESTS
from components.routing.targets import LbMode, edge_targets, edge_weights
from foundation.contract import gateway_san
from tests.support.edge_traffic import Traffic, get
from tests.support.envoy_lab import CLUSTERS, WEST, Lab, lab
from tests.support.envoy_process import HOST, Answer, Envoy, ask
from tests.support.waiting import eventually

MODES = {
    "active": (LbMode.ACTIVE, "us-east1"),
    "standby": (LbMode.STANDBY, "us-east1"),  # the active cluster is west
    "locality": (LbMode.LOCALITY, "us-east1"),
}

PODS = 2
"""Pods of the portal in each cluster."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("envoys")) as made:
        for cluster in CLUSTERS:
            for number in range(1, PODS + 1):
                made.add_pod(cluster, number)
            made.add_gateway(cluster)
        made.start()
        edges = []
        for name, (mode, region) in MODES.items():
            weights = edge_weights(mode, CLUSTERS, WEST.name)
            targets = edge_targets(weights, CLUSTERS, made.gateways, region)
            edges.append(made.add_edge(name, targets).name)
        nowhere = {cluster.name: made.address() for cluster in CLUSTERS}
        weights = edge_weights(LbMode.ACTIVE, CLUSTERS, WEST.name)
        edges.append(
            made.add_edge("lost", edge_targets(weights, CLUSTERS, nowhere, "us-east1")).name
        )
        made.start(*edges)
        yield made


@pytest.fixture(autouse=True)
def _healthy(world: Lab) -> None:
    """Waits until every Envoy knows all its hosts and holds nothing against any of them."""
    gateways = {f"gateway-{cluster.name}": PODS + len(CLUSTERS) - 1 for cluster in CLUSTERS}
    for name, known in {**gateways, **dict.fromkeys(MODES, len(CLUSTERS))}.items():

        def healed(name: str = name, known: int = known) -> bool:
            hosts = world.hosts(name)
            return len(hosts) == known and not any(hosts.values())

        eventually(healed, f"{name} knows {known} healthy hosts", 15)


def served(world: Lab, edge: str, requests: int) -> Counter[str]:
    answers = [get(world, edge) for _ in range(requests)]
    assert {answer.status for answer in answers} == {200}
    return Counter(answer.cluster for answer in answers)


def test_active_gives_each_cluster_its_share(world: Lab) -> None:
    shares = served(world, "active", 60)
    assert set(shares) == {"east-cluster", "west-cluster"}
    assert 24 <= shares["east-cluster"] <= 36


def test_standby_sends_everything_to_the_active_cluster(world: Lab) -> None:
    assert served(world, "standby", 20) == {"west-cluster": 20}


def test_locality_sends_everything_to_the_nearest_region(world: Lab) -> None:
    assert served(world, "locality", 20) == {"east-cluster": 20}


def test_the_page_names_the_pod_that_the_header_names(world: Lab) -> None:
    answer = get(world, "standby")
    assert answer.pod in {"pod-west-cluster-1", "pod-west-cluster-2"}
    assert answer.pod in answer.body and "us-west1" in answer.body and "#2563eb" in answer.body


def test_a_killed_gateway_loses_no_request_and_its_region_comes_back(world: Lab) -> None:
    gateway = world.envoys["gateway-west-cluster"]
    with Traffic(world, "standby") as traffic:
        eventually(lambda: len(traffic.answers) > 10, "traffic flows")
        gateway.kill()
        eventually(lambda: traffic.answers[-1].cluster == "east-cluster", "east took over")
        world.start(gateway.name)
        eventually(lambda: traffic.answers[-1].cluster == "west-cluster", "west is back", 15)
    assert traffic.failures == []


def test_killed_pods_lose_no_request_and_the_region_without_pods_is_avoided(world: Lab) -> None:
    pods = [world.envoys["pod-west-cluster-1"], world.envoys["pod-west-cluster-2"]]
    addresses = world.shown_pods(WEST)
    with Traffic(world, "standby") as traffic:
        eventually(lambda: len(traffic.answers) > 10, "traffic flows")
        for pod in pods:
            pod.kill()
        world.show_pods(WEST, [])
        eventually(
            lambda: (
                "failed_active_degraded_check"
                in world.hosts("standby")[world.gateways["west-cluster"]]
            ),
            "the edge knows that west's gateway has no pods",
        )
        # West's gateway itself still answers, with the pods of its peer.
        direct = ask_gateway(world, "west-cluster", 15443, edge_san("corp-edge"))
        assert (direct.status, direct.cluster) == (200, "east-cluster")
        assert direct.headers["x-envoy-degraded"] == "true"
        # A peer is never sent on to another one.
        peer = ask_gateway(world, "west-cluster", 15444, gateway_san("east-cluster"))
        assert (peer.status, peer.cluster) == (503, "west-cluster")
        world.start(*(pod.name for pod in pods))
        world.show_pods(WEST, addresses)
        eventually(lambda: traffic.answers[-1].cluster == "west-cluster", "west is back", 15)
    assert traffic.failures == []


def test_a_drained_gateway_loses_no_request_and_needs_nothing_but_bash(world: Lab) -> None:
    gateway = world.envoys["gateway-west-cluster"]
    command = drain_command(9901, admin_address=gateway.address, notice=6, drain=2)
    with Traffic(world, "standby") as traffic:
        eventually(lambda: len(traffic.answers) > 10, "traffic flows")
        begin = time.monotonic()
        hook = subprocess.Popen(command, env={"PATH": "/nowhere"}, stdout=subprocess.DEVNULL)
        eventually(lambda: not gateway.ready(), "it is not ready any more")
        eventually(lambda: traffic.answers[-1].cluster == "east-cluster", "east took over")
        assert hook.poll() is None, "it took its leave before the others knew"
        assert hook.wait(60) == 0
        assert time.monotonic() - begin >= 6
        gateway.terminate()
        world.start(gateway.name)
        eventually(lambda: traffic.answers[-1].cluster == "west-cluster", "west is back", 15)
    assert traffic.failures == []


def test_a_frozen_gateway_costs_a_request_one_try_and_loses_none(world: Lab) -> None:
    gateway = world.envoys["gateway-west-cluster"]
    with Traffic(world, "standby") as traffic:
        eventually(lambda: len(traffic.answers) > 10, "traffic flows")
        gateway.signal(signal.SIGSTOP)
        try:
            eventually(lambda: traffic.answers[-1].cluster == "east-cluster", "east took over")
        finally:
            gateway.signal(signal.SIGCONT)
        eventually(lambda: traffic.answers[-1].cluster == "west-cluster", "west is back", 15)
    assert traffic.failures == []
    assert max(traffic.seconds) < world.profile.request_timeout


def ask_gateway(
    world: Lab, cluster: str, port: int, san: str, *, foreign: bool = False, host: str = HOST
) -> Answer:
    """Asks a gateway with a certificate for `san`, of the mesh or of a foreign authority."""
    context = world.mesh_context(san, world.clients if foreign else world.mesh)
    return ask(world.gateways[cluster], port, tls=context, sni=gateway_san(cluster), host=host)


@pytest.mark.parametrize(
    ("port", "san", "foreign"),
    [
        (15443, gateway_san("west-cluster"), False),
        (15443, edge_san("other-edge"), False),
        (15443, edge_san("corp-edge"), True),
        (15444, edge_san("corp-edge"), False),
        (15444, gateway_san("east-cluster"), False),
        (15444, gateway_san("west-cluster"), True),
    ],
)
def test_a_gateway_refuses_whoever_has_no_business_there(
    world: Lab, port: int, san: str, foreign: bool
) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask_gateway(world, "east-cluster", port, san, foreign=foreign)


@pytest.mark.parametrize(
    ("port", "san"), [(15443, edge_san("corp-edge")), (15444, gateway_san("west-cluster"))]
)
def test_a_service_that_a_gateway_does_not_know_is_not_healthy_there(
    world: Lab, port: int, san: str
) -> None:
    """As in an update, when the edge or a peer has loaded it and this gateway has not yet."""
    for host in ("new.shop.health.mesh", "own.new.shop.health.mesh"):
        assert ask_gateway(world, "east-cluster", port, san, host=host).status == 503
    assert ask_gateway(world, "east-cluster", port, san, host="new.example.com").status == 404


def test_a_gateway_refuses_clients_without_certificate(world: Lab) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for port in (15443, 15444):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask(world.gateways["east-cluster"], port, tls=context)


@pytest.mark.parametrize(
    ("listener", "checkers", "each"), [("renewed", len(MODES), 12), ("peer_renewed", 1, 8)]
)
def test_checks_of_a_gateway_meet_a_new_connection_every_few_checks(
    world: Lab, listener: str, checkers: int, each: int
) -> None:
    gateway = world.envoys[f"gateway-{WEST.name}"]

    def counted(what: str) -> int:
        name = f"http.{listener}.downstream_{what}_total"
        stats = ask(gateway.address, 9901, f"/stats?filter=^{name}$").body
        return int(stats.removeprefix(f"{name}: "))

    checks, connections = counted("rq"), counted("cx")
    eventually(lambda: counted("rq") >= checks + each * checkers, "each of them checks often", 30)
    checks, connections = counted("rq") - checks, counted("cx") - connections
    assert connections >= checks // RENEWED_REQUESTS - checkers
    assert connections <= checks // 2, "most checks cost no handshake"


def test_a_gateway_with_another_clusters_certificate_is_not_believed(world: Lab) -> None:
    gateway = world.envoys["gateway-east-cluster"]
    own = gateway_san("east-cluster")
    world.write_certificate(gateway.folder / "mesh", gateway_san("west-cluster"), world.mesh)
    gateway.kill()
    world.start(gateway.name)
    try:
        eventually(
            lambda: (
                "failed_active_health_check"
                in world.hosts("locality")[world.gateways["east-cluster"]]
            ),
            "the edge refuses the wrong certificate",
        )
        assert served(world, "locality", 5) == {"west-cluster": 5}
    finally:
        world.write_certificate(gateway.folder / "mesh", own, world.mesh)
        gateway.kill()
        world.start(gateway.name)


def test_http_is_sent_to_https_with_port_path_and_query(world: Lab) -> None:
    edge = world.envoys["active"]
    for host in (HOST, f"{HOST}:8080", edge.address):
        answer = ask(edge.address, 8080, "/web-portal/api/whoami?a=b", host=host)
        name = host.partition(":")[0]
        assert answer.status == 308
        assert answer.headers["location"] == f"https://{name}:10443/web-portal/api/whoami?a=b"
        assert (answer.cluster, answer.pod) == ("corp-edge", "active")


def test_the_edges_own_address_leads_to_the_portal(world: Lab) -> None:
    address = world.envoys["active"].address
    assert get(world, "active", host=f"{address}:10443").status == 200


@pytest.mark.parametrize(
    ("host", "path", "status"),
    [(HOST, "/", 404), (HOST, "/web-portalx", 404), ("example.com", "/web-portal", 404)],
)
def test_what_nobody_exposes_is_not_found(world: Lab, host: str, path: str, status: int) -> None:
    answer = get(world, "active", path, host=host)
    assert (answer.status, answer.cluster, answer.pod) == (status, "corp-edge", "active")


def test_without_any_region_the_edge_says_so_and_names_no_internals(world: Lab) -> None:
    answer = get(world, "lost")
    assert (answer.status, answer.cluster, answer.pod) == (503, "corp-edge", "lost")
    assert "temporarily unavailable" in answer.body
    assert answer.headers["retry-after"] == "5"
    for word in ("upstream", "envoy", "cluster", "127."):
        assert word not in answer.body.lower()


def test_a_malformed_request_is_answered_with_the_headers_as_well(world: Lab) -> None:
    answer = get(world, "active", headers={"too-many": "x" * 40_000})
    assert (answer.status, answer.cluster, answer.pod) == (431, "corp-edge", "active")


def test_no_internal_header_reaches_a_client(world: Lab) -> None:
    for answer in (get(world, "active"), get(world, "lost")):
        assert [key for key in answer.headers if key.startswith("x-envoy")] == []


def test_a_client_cannot_steer_the_edge(world: Lab) -> None:
    steering = {"x-envoy-upstream-rq-timeout-ms": "1", "x-request-id": "mine"}
    answer = get(world, "active", "/web-portal/api/whoami", headers=steering)
    assert answer.status == 200
    assert answer.headers["x-request-id"] != "mine"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_request_id_of_the_answer_is_the_one_that_the_pod_saw(world: Lab, method: str) -> None:
    answer = get(world, "active", "/web-portal/api/whoami", method=method)
    assert answer.headers["x-request-id"] in answer.body
    assert f'"method":"{method}"' in answer.body


def test_a_pod_that_fails_while_it_looks_well_costs_reads_nothing(world: Lab) -> None:
    pod = world.envoys["pod-west-cluster-1"]
    switch(pod, "fault.http.abort.abort_percent", 100)
    try:
        answers = [get(world, "standby") for _ in range(20)]
    finally:
        switch(pod, "fault.http.abort.abort_percent", 0)
    assert {answer.status for answer in answers} == {200}


def test_a_pod_that_hangs_costs_little_where_the_service_may_be_asked_twice(world: Lab) -> None:
    pod = world.envoys["pod-west-cluster-1"]
    pod.signal(signal.SIGSTOP)
    try:
        begin = time.monotonic()
        answers = [get(world, "standby") for _ in range(6)]
        took = time.monotonic() - begin
    finally:
        pod.signal(signal.SIGCONT)
    assert {answer.status for answer in answers} == {200}
    assert took < world.profile.request_timeout / 2


def test_an_order_that_failed_is_not_sent_again_unless_it_can_be_told_apart(world: Lab) -> None:
    pods = [world.envoys[f"pod-west-cluster-{number}"] for number in (1, 2)]

    def executions(number: str) -> int:
        return [line["request_id"] for pod in pods for line in pod.log()].count(number)

    for pod in pods:
        switch(pod, "fault.http.abort.abort_percent", 100)
    try:
        plain = get(world, "standby", "/web-portal/api/whoami", method="POST")
        number = plain.headers["x-request-id"]
        eventually(lambda: bool(executions(number)), "the try is in a log")
        assert executions(number) == 1
        keyed = get(
            world,
            "standby",
            "/web-portal/api/whoami",
            method="POST",
            headers={"Idempotency-Key": "1"},
        )
    finally:
        for pod in pods:
            switch(pod, "fault.http.abort.abort_percent", 0)
    assert plain.status == 503
    assert (keyed.status, keyed.cluster) == (200, "east-cluster")


def switch(pod: Envoy, key: str, value: int) -> None:
    answer = ask(pod.address, 9901, f"/runtime_modify?{key}={value}", method="POST")
    assert answer.status == 200


def test_envoy_takes_an_inotify_instance_a_file_that_it_loads_and_no_other(world: Lab) -> None:
    # They are few, and Envoy aborts without one as soon as its configuration names a watched file.
    for name, envoy in world.envoys.items():
        assert envoy.process is not None
        used = []
        for descriptor in Path(f"/proc/{envoy.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # a connection that has just ended
                used.append(str(descriptor.readlink()))
        assert used
        loaded = ("config/[cr]ds*.yaml", "mesh/sds.yaml", "certs/*/sds.yaml")
        files = sum(len(list(envoy.folder.glob(pattern))) for pattern in loaded)
        assert used.count("anon_inode:inotify") == files, name
