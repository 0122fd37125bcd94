"""A switch of the mode under open connections, by real Envoys on loopback."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from queue import Queue

import pytest

from components.envoy.version import version_command
from components.gateways.loaded import NOT_TAKEN, refusal, state
from components.routing.targets import LbMode, edge_targets, edge_weights
from components.routing.transport import Transport
from tests.support.envoy_lab import CLUSTERS, EAST, WEST, Lab, publish
from tests.support.envoy_process import HOST, Envoy, ask
from tests.support.own_application import (
    EDGE,
    connected,
    open_websocket,
    running,
    running_grpc,
)
from tests.support.own_server import Executions, OwnServer
from tests.support.waiting import eventually

WEBSOCKETS = 200
GRPC_STREAMS = 6
"""A pod of the test's application serves eight at a time, and all may be on one."""
STATS = "/stats?filter=(version_text|update_rejected|update_failure|warming_clusters|cx_destroy_)"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("switch")
    with running(folder, Transport(), OwnServer, executions=Executions()) as made:
        yield made


def files(shop: Lab, mode: LbMode, active: str = WEST.name) -> dict[str, str]:
    targets = edge_targets(
        edge_weights(mode, CLUSTERS, active), CLUSTERS, shop.gateways, "us-east1"
    )
    return shop.edge_files(EDGE, shop.envoys[EDGE].address, targets)


def load(shop: Lab, data: dict[str, str]) -> None:
    publish(shop.envoys[EDGE].folder / "config", data)


def stats(shop: Lab) -> dict[str, str]:
    text = ask(shop.envoys[EDGE].address, 9901, STATS).body
    pairs = (line.partition(": ") for line in text.splitlines())
    return {name: value.strip('"') for name, _, value in pairs}


def versions(shop: Lab) -> set[str]:
    found = stats(shop).items()
    return {value for name, value in found if name.endswith("version_text") and "sds." not in name}


def is_in_force(shop: Lab, data: dict[str, str]) -> bool:
    warming = stats(shop)["cluster_manager.warming_clusters"]
    return versions(shop) == {data["version"]} and warming == "0"


class Chats(threading.Thread):
    """Sends numbered messages on all WebSockets in turn, and reads each one's echo."""

    def __init__(self, sockets: list[ssl.SSLSocket]) -> None:
        super().__init__(daemon=True)
        self.sockets, self.enough = sockets, threading.Event()
        self.rounds = 0
        self.problems: list[str] = []

    def run(self) -> None:
        while not self.enough.is_set():
            for number, each in enumerate(self.sockets):
                text = f"{self.rounds}/{number};".encode()
                try:
                    each.sendall(text)
                    got = b""
                    while len(got) < len(text):
                        if not (more := each.recv(len(text) - len(got))):
                            raise OSError("closed")
                        got += more
                except OSError as error:
                    self.problems.append(f"{number} in round {self.rounds}: {error!r}")
                    return
                if got != text:
                    self.problems.append(f"{text!r} came back as {got!r}")
            self.rounds += 1


def follows(cluster: Callable[[], str], expected: set[str]) -> None:
    """On a busy machine Envoy's workers may hear a little later than its statistics."""
    eventually(lambda: {cluster() for _ in range(10)} == expected, f"{expected} answer")


def test_a_switch_closes_no_connection_and_holds_for_kept_ones(shop: Lab) -> None:
    with ExitStack() as stack:
        kept = HTTPConnection(HOST)
        kept.sock = stack.enter_context(connected(shop))

        def cluster() -> str:
            kept.request("GET", "/x")
            answer = kept.getresponse()
            answer.read()
            assert answer.status == 200
            assert not answer.will_close
            return str(answer.getheader("x-served-by-cluster"))

        assert cluster() == WEST.name
        sockets = [stack.enter_context(connected(shop)) for _ in range(WEBSOCKETS)]
        for each in sockets:
            open_websocket(each)
        process = shop.envoys[EDGE].process
        chats = Chats(sockets)
        chats.start()
        switches = [
            (LbMode.STANDBY, EAST.name, {EAST.name}),
            (LbMode.ACTIVE, EAST.name, {EAST.name, WEST.name}),
            (LbMode.STANDBY, WEST.name, {WEST.name}),
        ]
        for mode, active, expected in switches:
            data = files(shop, mode, active)
            load(shop, data)
            eventually(lambda data=data: is_in_force(shop, data), f"{mode} {active} is in force")
            follows(cluster, expected)
            heard = chats.rounds + 2
            eventually(
                lambda heard=heard: chats.rounds >= heard or bool(chats.problems),
                "messages arrive",
                30,
            )
        chats.enough.set()
        chats.join(30)
        assert chats.problems == []
        assert shop.envoys[EDGE].process is process


def test_a_switch_ends_no_grpc_stream_and_new_calls_follow_it(tmp_path: Path) -> None:
    """All of it on one connection of HTTP/2."""
    with running_grpc(tmp_path) as (shop, channel):
        chat = channel.stream_stream("/shop.Shop/Chat")
        said = [Queue() for _ in range(GRPC_STREAMS)]
        heard = [chat(iter(each.get, None), timeout=120) for each in said]

        def exchange(text: bytes) -> None:
            for each in said:
                each.put(text)
            assert [next(each) for each in heard] == [b"re " + text] * GRPC_STREAMS

        def cluster() -> str:
            call = channel.unary_unary("/shop.Shop/Get")
            _, done = call.with_call(b"x", timeout=10)
            return str(dict(done.initial_metadata())["x-served-by-cluster"])

        exchange(b"before")
        for active in (EAST.name, WEST.name):
            data = files(shop, LbMode.STANDBY, active)
            load(shop, data)
            eventually(lambda data=data: is_in_force(shop, data), f"{active} is in force")
            follows(cluster, {active})
            exchange(active.encode())
        for each in said:
            each.put(None)
        assert [list(each) for each in heard] == [[]] * GRPC_STREAMS


def test_answers_say_which_version_they_go_by(shop: Lab) -> None:
    for mode in (LbMode.ACTIVE, LbMode.STANDBY):
        data = files(shop, mode)
        load(shop, data)
        eventually(lambda data=data: is_in_force(shop, data), f"{mode} is in force")
        tls = shop.client_context()
        answer = ask(shop.envoys[EDGE].address, 8443, "/x", tls=tls)
        assert answer.headers["x-edge-configuration"].endswith(f"-{data['version']}")


@pytest.mark.parametrize("file", ["cds.yaml", "rds-https.yaml"])
def test_a_refused_configuration_leaves_the_old_one_in_force(shop: Lab, file: str) -> None:
    good = files(shop, LbMode.STANDBY)
    load(shop, good)
    eventually(lambda: is_in_force(shop, good), "the good one is in force")
    bad = files(shop, LbMode.STANDBY, EAST.name)
    field = "lb_policy: ROUND_ROBIN" if file == "cds.yaml" else "name: https"
    assert field in bad[file]
    load(shop, {**bad, file: bad[file].replace(field, f"{field}\n  no_such_field: 1", 1)})
    eventually(lambda: bad["version"] in versions(shop), "what is good of it is loaded")

    def refused() -> int:
        return sum(int(v) for name, v in stats(shop).items() if "update_rejected" in name)

    eventually(lambda: refused() >= 1, "the rest is refused")
    tls = shop.client_context()
    answers = [ask(shop.envoys[EDGE].address, 8443, "/x", tls=tls) for _ in range(10)]
    assert {answer.status for answer in answers} == {200}
    if file == "cds.yaml":
        assert {answer.cluster for answer in answers} == {WEST.name}
    load(shop, good)
    eventually(lambda: is_in_force(shop, good), "the good one is in force again")


def test_the_command_in_the_pod_waits_for_the_version_and_tells_what_it_sees(shop: Lab) -> None:
    edge = shop.envoys[EDGE]

    def told(data: dict[str, str]) -> str:
        return state(asked(edge, data["version"]).stdout, data["version"])

    old, new = files(shop, LbMode.STANDBY), files(shop, LbMode.ACTIVE)
    load(shop, old)
    assert told(old) == ""
    assert told(new) == "its volume still has the old files"
    load(shop, new)
    assert told(new) == ""
    for right, wrong, reason in (
        ("name: https", "nam: https", "no such field: 'nam'"),
        ("factor: 200", "factor: 0", "OverprovisioningFactor: value must be greater than 0"),
    ):
        bad = {name: text.replace(right, wrong) for name, text in old.items()}
        load(shop, bad)
        assert told(bad) == NOT_TAKEN
        assert reason in refusal((edge.folder / "log").read_text())
        load(shop, new)
        assert told(new) == ""
    load(shop, old)
    assert told(old) == ""


@pytest.mark.parametrize("file", ["cds.yaml", "rds-https.yaml"])
def test_an_edge_that_starts_with_refused_files_gets_no_traffic(shop: Lab, file: str) -> None:
    targets = edge_targets(
        edge_weights(LbMode.ACTIVE, CLUSTERS, WEST.name), CLUSTERS, shop.gateways, "us-east1"
    )
    started = shop.add_edge(f"started-with-{file}", targets)
    config = started.folder / "config"
    good = {each.name: each.read_text() for each in config.iterdir() if each.is_file()}
    bad = good[file].replace("name: ", "nam: ", 1)
    publish(config, {**good, file: bad})
    assert asked(started).returncode, "nobody is there yet"
    shop.start(started.name)
    assert asked(started).returncode
    publish(config, good)
    assert asked(started).returncode == 0
    started.kill()


def asked(edge: Envoy, version: str = "") -> subprocess.CompletedProcess[str]:
    """How the command ended that asks an Envoy for its version."""
    folder = str(edge.folder / "config")
    command = version_command(version, folder, 9901, admin_address=edge.address, looks=20)
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
