"""Real balancers on loopback, before gateways as the product renders them: each one serves."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path

import pytest

from components.envoy.common import edge_san
from drills.compare import processes, programs, usage, way_in
from drills.compare.balancers import BALANCERS, DIRECT, ENVOY, Balancer
from drills.compare.configuration import Gateway, Settings
from drills.compare.inside import Inside
from drills.compare.programs import Program, Unavailable
from drills.traffic import Header, LanePlan, TrafficPlan, record
from drills.traffic.generator import Traffic
from foundation.certificates import KeyPair, leaf
from foundation.contract import INGRESS_PORT, gateway_san
from tests.support.envoy_lab import CLUSTERS, EAST, WEST, Lab, lab
from tests.support.envoy_process import HOST, Answer, ask
from tests.support.waiting import eventually

PORT = 8443
TURNS = 12
"""Requests that a test sends: each gateway has had its turn several times."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("compare")) as made:
        for cluster in CLUSTERS:
            made.add_pod(cluster, 1)
            made.add_gateway(cluster)
        made.start()
        yield made


@pytest.fixture(scope="module", params=BALANCERS, ids=lambda balancer: balancer.name)
def balancer(request: pytest.FixtureRequest) -> Balancer:
    return request.param


@pytest.fixture(scope="module")
def program(balancer: Balancer) -> Program:
    try:
        return programs.find(balancer.kind)
    except Unavailable as reason:
        pytest.skip(f"{balancer.kind.program} cannot be had here: {reason}")


def pem(file: Path, issuer: KeyPair, name: str) -> Path:
    pair = leaf(issuer, name, [name])
    file.write_text(pair.certificate + pair.key)
    return file


def settings_of(world: Lab, tmp_path: Path) -> Settings:
    ca = tmp_path / "ca.pem"
    ca.write_text(world.mesh.certificate)
    return Settings(
        address=world.address(),
        port=PORT,
        host=HOST,
        path="/web-portal",
        certificate=pem(tmp_path / "server.pem", world.clients, HOST),
        client=pem(tmp_path / "client.pem", world.mesh, edge_san("corp-edge")),
        ca=ca,
        folder=tmp_path / "run",
        gateways=[
            Gateway(c.name, world.gateways[c.name], INGRESS_PORT, gateway_san(c.name))
            for c in CLUSTERS
        ],
    )


@pytest.fixture(scope="module")
def running(
    world: Lab, balancer: Balancer, program: Program, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[processes.Running]:
    settings = settings_of(world, tmp_path_factory.mktemp(balancer.name))
    started = processes.start(balancer, program, settings)
    world.balancer = settings.address
    try:
        eventually(lambda: serves(world, started), f"{balancer.name} serves", 15)
        yield started
    finally:
        started.stop()
        assert usage.descendants(started.process.pid) in ([], [started.process.pid])


def get(world: Lab, **more: object) -> Answer:
    return ask(world.balancer, PORT, tls=world.client_context(), **more)


def answered(world: Lab, requests: int = TURNS) -> Counter[str]:
    """Gives how many requests each cluster answered; those that nobody did are under `lost`."""
    found: Counter[str] = Counter()
    for _ in range(requests):
        try:
            answer = get(world)
        except (OSError, HTTPException):
            found["lost"] += 1
        else:
            found[answer.cluster if answer.status == 200 else "lost"] += 1
    return found


def serves(world: Lab, started: processes.Running) -> bool:
    assert not started.problem, started.log.read_text()
    found = answered(world, 8)
    return found.keys() == {cluster.name for cluster in CLUSTERS}


def test_it_shares_requests_and_counts_what_it_uses(world: Lab, running: processes.Running) -> None:
    before = running.usage()
    found = answered(world, 4 * TURNS)
    after = running.usage()
    assert found.keys() == {EAST.name, WEST.name}
    assert before.cpu < after.cpu < before.cpu + 30
    assert 1 << 20 < after.memory < 1 << 30


@pytest.mark.parametrize("headers", [{}, {"idempotency-key": "1"}], ids=["plain", "keyed"])
def test_an_order_arrives_as_it_was_sent(
    world: Lab, running: processes.Running, headers: dict[str, str]
) -> None:
    answer = get(world, path="/web-portal/api/whoami", method="POST", headers=headers)
    assert (answer.status, json.loads(answer.body)["method"]) == (200, "POST")


def test_a_killed_gateway_costs_a_tuned_one_nothing(world: Lab, running: processes.Running) -> None:
    gateway = world.envoys[f"gateway-{WEST.name}"]
    gateway.kill()
    try:
        found = answered(world)
    finally:
        world.start(gateway.name)
    if running.balancer.name.endswith("-tuned"):
        assert found == Counter({EAST.name: TURNS})
    assert found[EAST.name] and not found[WEST.name]


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces are entered by root only")
def test_lanes_lead_through_another_network_with_and_without_a_balancer(
    world: Lab, tmp_path: Path
) -> None:
    settings, here = settings_of(world, tmp_path), Inside(Path(f"/proc/{os.getpid()}/ns/net"))
    envoy = next(b for b in BALANCERS if b.kind == ENVOY)
    started = processes.start(envoy, programs.find(ENVOY), settings, here)
    world.balancer = settings.address
    direct = settings.gateways[0]
    targets = {envoy.name: (settings.address, PORT), DIRECT: (direct.address, direct.port)}
    roots = tmp_path / "roots.pem"
    roots.write_text(world.clients.certificate + world.mesh.certificate)
    try:
        eventually(lambda: serves(world, started), "it serves", 15)
        with way_in.ports(here, targets, tmp_path / "way-in.log") as ports:
            urls = {name: f"https://127.0.0.1:{port}/web-portal" for name, port in ports.items()}
            lanes = (
                LanePlan(envoy.name, urls[envoy.name], keep_alive=True),
                LanePlan(
                    DIRECT,
                    urls[DIRECT],
                    keep_alive=True,
                    server_name=direct.name,
                    certificate=str(settings.client),
                    protocols=("h1",),
                ),
            )
            plan = TrafficPlan(lanes, rate=45, duration=1.0, host=HOST, ca_file=str(roots))
            with Traffic(plan, Header("r", 0.0), tmp_path) as traffic:
                assert traffic.wait(20)
            samples = record.read(tmp_path).samples
    finally:
        started.stop()
    assert not [s for s in samples if s.lost]
    counts = Counter((s.lane, s.protocol) for s in samples)
    assert counts.keys() == {(envoy.name, "h1"), (envoy.name, "h2"), (DIRECT, "h1")}
    assert len(set(counts.values())) == 1
    assert {s.cluster for s in samples if s.lane == DIRECT} == {direct.cluster}
    assert usage.descendants(started.process.pid) in ([], [started.process.pid])


TRUSTING = ("nginx", "caddy", "caddy-tuned")
"""Balancers that do not look at the gateways' names, see docs/compare.md."""


def test_who_says_so_trusts_no_gateway_of_another_name(
    world: Lab, balancer: Balancer, program: Program, tmp_path: Path
) -> None:
    known = settings_of(world, tmp_path)
    others = [replace(gateway, name="gateway.other.mesh") for gateway in known.gateways]
    started = processes.start(balancer, program, replace(known, gateways=others))
    world.balancer = known.address
    try:
        eventually(lambda: listens(world, started), f"{balancer.name} listens", 15)
        found = answered(world, 4)
    finally:
        started.stop()
    assert (found["lost"] == 0) == (balancer.name in TRUSTING)
    assert found["lost"] in (0, 4)


def listens(world: Lab, started: processes.Running) -> bool:
    assert not started.problem, started.log.read_text()
    try:
        get(world)
    except HTTPException:
        return True
    except OSError as error:
        return not isinstance(error, ConnectionRefusedError)
    return True


def test_a_configuration_that_is_refused_says_why(world: Lab, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("static_resources: {listeners: 1}\n")
    own = Balancer("own", ENVOY, file)
    started = processes.start(own, programs.find(ENVOY), settings_of(world, tmp_path))
    try:
        eventually(lambda: bool(started.problem), "it has ended")
        assert "exit code 1: " in started.problem and "listeners" in started.problem
    finally:
        started.stop()
