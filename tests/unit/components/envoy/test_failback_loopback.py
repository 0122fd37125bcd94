"""How a cluster gets its share again, by real Envoys on loopback.

Each edge has its mode and its way of failback. No request may be lost in any of it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from components.routing.failback import RAMP_SHARES, Failback
from components.routing.targets import LbMode, edge_targets, edge_weights
from components.routing.transport import Transport
from tests.support.edge_traffic import Traffic
from tests.support.envoy_lab import CLUSTERS, EAST, WEST, Lab, forgiving_profile, publish
from tests.support.envoy_process import ask
from tests.support.own_application import connected, open_websocket, running
from tests.support.own_server import Executions, OwnServer
from tests.support.waiting import eventually

RAMP = 4.0
EXECUTIONS = Executions()
EDGES = {
    "ramped": (Failback.RAMPED, LbMode.STANDBY),
    "manual": (Failback.MANUAL, LbMode.STANDBY),
    "shared": (Failback.MANUAL, LbMode.ACTIVE),
}
RAMPED, MANUAL, SHARED = EDGES


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("failback")
    profile = replace(forgiving_profile(), failback_ramp=RAMP)
    with running(folder, Transport(), OwnServer, profile, executions=EXECUTIONS) as made:
        for name, (failback, mode) in EDGES.items():
            made.add_edge(name, targets(made, mode), failback=failback, failback_trigger="0")
        made.start(*EDGES)
        yield made


@pytest.fixture(autouse=True)
def _well(shop: Lab) -> None:
    """Let every cluster have its share again, whatever is held back."""
    for name, (failback, _) in EDGES.items():
        eventually(lambda name=name: not any(shop.hosts(name).values()), f"{name} is well", 15)
        if failback is Failback.MANUAL:
            eventually(lambda name=name: told(shop, name), f"{name} holds nothing back", 30)
        eventually(lambda name=name: not holding(shop, name), f"{name} holds nothing back", 30)


def told(shop: Lab, name: str) -> bool:
    """Say that clusters are to return; a machine short of CPU may have to be told again."""
    tell(shop, name)
    return not holding(shop, name)


def targets(shop: Lab, mode: LbMode) -> list:
    return edge_targets(
        edge_weights(mode, CLUSTERS, WEST.name), CLUSTERS, shop.gateways, "us-east1"
    )


def tell(shop: Lab, name: str) -> None:
    """Say that clusters are to return, as an update does."""
    failback, mode = EDGES[name]
    edge = shop.envoys[name]
    trigger = str(len(list((edge.folder / "config").glob("..[0-9]*"))))
    data = shop.edge_files(
        name, edge.address, targets(shop, mode), failback=failback, failback_trigger=trigger
    )
    publish(edge.folder / "config", data)

    def loaded() -> bool:
        said = ask(edge.address, 9901, "/stats?filter=(version_text|warming_clusters)").body
        return data["version"] in said and "warming_clusters: 0" in said

    eventually(loaded, f"{name} has loaded {trigger}")


def served(shop: Lab, name: str, requests: int = 20) -> set[str]:
    tls = shop.client_context()
    answers = [ask(shop.envoys[name].address, 8443, "/x", tls=tls) for _ in range(requests)]
    assert {answer.status for answer in answers} == {200}
    return {answer.cluster for answer in answers}


def holding(shop: Lab, name: str) -> list[str]:
    """What the edge's steps hold against gateways."""
    lines = ask(shop.envoys[name].address, 9901, "/clusters").body.splitlines()
    flags = [line for line in lines if "::health_flags::" in line and "-" in line.split("_")[0]]
    assert flags
    return [line for line in flags if not line.endswith("::healthy")]


def held(shop: Lab, name: str) -> bool:
    """Whether the edge has nothing against west's health and uses it for nothing."""
    well = not shop.hosts(name)[shop.gateways[WEST.name]]
    return well and served(shop, name) == {EAST.name}


@contextmanager
def killed(shop: Lab, cluster: str) -> Iterator[None]:
    gateway = shop.envoys[f"gateway-{cluster}"]
    gateway.kill()
    try:
        yield
    finally:
        shop.start(gateway.name)


@contextmanager
def frozen(shop: Lab, cluster: str) -> Iterator[None]:
    gateway = shop.envoys[f"gateway-{cluster}"]
    gateway.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        gateway.signal(signal.SIGCONT)


@contextmanager
def without_pods(shop: Lab, cluster: str) -> Iterator[None]:
    """The gateway is there and answers by way of its peer."""
    pods = set(shop.shown_pods(next(each for each in CLUSTERS if each.name == cluster)))
    EXECUTIONS.unwell |= pods
    try:
        yield
    finally:
        EXECUTIONS.unwell -= pods


def lost(traffic: Traffic) -> list[str]:
    """What failed, but for answers that had begun when their gateway froze."""
    return [text for text in traffic.failures if "IncompleteRead" not in text]


def only(traffic: Traffic, cluster: str, last: int = 20) -> bool:
    return {answer.cluster for answer in traffic.answers[-last:]} == {cluster}


def steps_away(shop: Lab, name: str) -> set[int]:
    """The steps of the ramp in which west is not back yet."""
    names = {line.partition("_")[0] for line in holding(shop, name)}
    return {int(each.partition("-")[2]) for each in names if each.startswith("regions-")}


@pytest.mark.parametrize("fault", [killed, without_pods])
def test_a_ramp_returns_step_by_step_and_brings_no_herd(shop: Lab, fault: Callable) -> None:
    last = len(RAMP_SHARES) - 1
    seen: list[int] = []
    early: list[str] = []
    with Traffic(shop, RAMPED) as traffic:
        eventually(lambda: len(traffic.answers) > 20, "traffic flows")
        with fault(shop, WEST.name):
            eventually(lambda: only(traffic, EAST.name), "east took over")
            eventually(lambda: len(steps_away(shop, RAMPED)) == last + 1, "it is away", 15)

        def is_back() -> bool:
            begin = len(traffic.answers)
            away = steps_away(shop, RAMPED)
            assert away == set(range(last + 1 - len(away), last + 1)), "the later ones wait"
            seen.append(len(away))
            if 1 in away:
                early.extend(answer.cluster for answer in traffic.answers[begin - 1 : begin])
            return not away

        eventually(is_back, "every step is back", 30)
        eventually(lambda: only(traffic, WEST.name, 40), "west has everything again", 30)
    assert lost(traffic) == []
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) > len(RAMP_SHARES) / 2, "one after the other"
    assert early.count(WEST.name) < len(early) / 2


@pytest.mark.parametrize(
    ("name", "fault"), [(SHARED, frozen), (MANUAL, killed), (MANUAL, without_pods)]
)
def test_by_hand_a_cluster_stays_out_until_somebody_says_so(
    shop: Lab, name: str, fault: Callable
) -> None:
    with Traffic(shop, name) as traffic:
        eventually(lambda: len(traffic.answers) > 20, "traffic flows")
        with fault(shop, WEST.name):
            eventually(lambda: only(traffic, EAST.name), "east took over")
        eventually(lambda: held(shop, name), "west is well, and held back")
        seen = len(traffic.answers) + 100
        eventually(lambda: len(traffic.answers) > seen, "traffic goes on", 30)
        assert only(traffic, EAST.name, 100)
        eventually(lambda: told(shop, name), "it returns")
        eventually(lambda: WEST.name in {a.cluster for a in traffic.answers[-20:]}, "west is back")
    assert lost(traffic) == []


@pytest.mark.parametrize(("name", "fault"), [(SHARED, frozen), (MANUAL, killed)])
def test_what_is_held_back_serves_if_the_other_one_dies_too(
    shop: Lab, name: str, fault: Callable
) -> None:
    with Traffic(shop, name) as traffic:
        eventually(lambda: len(traffic.answers) > 20, "traffic flows")
        with killed(shop, WEST.name):
            eventually(lambda: only(traffic, EAST.name), "east took over")
        eventually(lambda: held(shop, name), "west is well, and held back")
        with fault(shop, EAST.name):
            eventually(lambda: only(traffic, WEST.name), "west serves")
        eventually(lambda: not any(shop.hosts(name).values()), "all are well", 15)
    assert lost(traffic) == []


def test_to_bring_a_cluster_back_closes_no_connection(shop: Lab) -> None:
    with killed(shop, WEST.name):
        eventually(lambda: served(shop, MANUAL) == {EAST.name}, "east took over")
    eventually(lambda: held(shop, MANUAL), "west is held back")
    with ExitStack() as stack:
        sockets = [stack.enter_context(connected(shop, MANUAL)) for _ in range(20)]
        for each in sockets:
            open_websocket(each)
        eventually(lambda: told(shop, MANUAL), "it returns")
        eventually(lambda: served(shop, MANUAL) == {WEST.name}, "west is back")
        for number, each in enumerate(sockets):
            each.sendall(b"message %d" % number)
            assert each.recv(4096) == b"message %d" % number


def test_a_cluster_that_is_not_well_does_not_return_if_told_to(shop: Lab) -> None:
    with Traffic(shop, MANUAL) as traffic, killed(shop, WEST.name):
        eventually(lambda: only(traffic, EAST.name), "east took over")
        tell(shop, MANUAL)
        assert served(shop, MANUAL) == {EAST.name}
    eventually(lambda: held(shop, MANUAL), "it is held back still")
    assert lost(traffic) == []


@pytest.mark.parametrize("name", EDGES)
def test_the_same_fault_twice_and_another_one_after_it_lose_nothing(shop: Lab, name: str) -> None:
    with Traffic(shop, name) as traffic:
        eventually(lambda: len(traffic.answers) > 20, "traffic flows")
        for fault, cluster in ((killed, WEST), (killed, WEST), (frozen, EAST)):
            other = next(each.name for each in CLUSTERS if each is not cluster)
            with fault(shop, cluster.name):
                eventually(lambda other=other: only(traffic, other), f"{other} took over", 15)
            eventually(lambda: not any(shop.hosts(name).values()), "all are well", 15)
    assert lost(traffic) == []
