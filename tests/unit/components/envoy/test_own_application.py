"""What the data path carries for an application of a user's own, by real Envoys on loopback."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from components.routing.targets import LbMode, edge_targets, edge_weights
from components.routing.transport import Transport
from drills.traffic import Execution
from drills.traffic.portal import execution
from tests.support.envoy_lab import CLUSTERS, WEST, Lab, forgiving_profile
from tests.support.envoy_process import HOST
from tests.support.own_application import EDGE, PORT, ask, connected, open_websocket, running
from tests.support.own_server import Executions, OwnServer
from tests.support.waiting import eventually

EXECUTIONS = Executions()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("shop")
    with running(folder, Transport(), OwnServer, executions=EXECUTIONS) as made:
        yield made


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
def test_a_request_that_takes_long_is_executed_once(shop: Lab, method: str) -> None:
    def one(number: int) -> int:
        path = f"/slow/2/{method}/{number}"
        assert ask(shop, method, path)[0] == 200
        return EXECUTIONS.of(path)

    # a gateway that the machine lets wait for 0.4 s counts as one that hangs, and a GET goes on
    for attempt in range(3 if method == "GET" else 1):
        with ThreadPoolExecutor(20) as pool:
            found = set(pool.map(one, range(20 * attempt, 20 * attempt + 20)))
        if found == {1}:
            break
    assert found == {1}


def test_a_gateway_logs_what_its_pods_executed_of_a_numbered_request(shop: Lab) -> None:
    number = "counted-1"
    assert ask(shop, "PUT", "/slow/0/counted", b"x", **{"x__demo__request": number})[0] == 200
    assert ask(shop, "PUT", "/slow/0/not-counted", b"x")[0] == 200

    def executed() -> list[Execution]:
        lines = shop.envoys["gateway-west-cluster"].log()
        found = [execution(json.dumps(line), WEST.name, "gateway") for line in lines]
        return [one for one in found if one]

    eventually(lambda: bool(executed()), "the try is in the log", 20)
    assert [(one.id, one.method, one.status) for one in executed()] == [(number, "PUT", 200)]
    assert executed()[0].pod.endswith(f":{PORT}")


def test_an_answer_that_takes_long_flows_to_its_end_with_its_trailers(shop: Lab) -> None:
    with connected(shop) as secure:
        secure.sendall(f"GET /events/6 HTTP/1.1\r\nHost: {HOST}\r\nTE: trailers\r\n\r\n".encode())
        text = b""
        while b"\r\n0\r\n" not in text or not text.endswith(b"\r\n\r\n"):
            text += secure.recv(65536)
    assert text.count(b"data: ") == 6
    assert b"x-events: 6" in text


def upload(shop: Lab) -> tuple[int, str]:
    """Sends 1.6 MB in 2 s, and returns the answer."""

    def pieces() -> Iterator[bytes]:
        for _ in range(8):
            yield bytes(200_000)
            time.sleep(0.25)

    return ask(shop, "POST", "/size", pieces(), Transfer__Encoding="chunked")


def test_an_upload_takes_its_time(shop: Lab) -> None:
    assert upload(shop) == (200, "1600000")


def test_a_websocket_is_carried_and_stays_open(shop: Lab) -> None:
    say_something(shop)


def test_websockets_and_long_answers_pass_a_region_whose_pods_are_unwell(shop: Lab) -> None:
    """They go by its gateway to the peer's, for the edge cannot reach that one itself."""
    alone = edge_targets(
        edge_weights(LbMode.STANDBY, CLUSTERS, WEST.name), CLUSTERS, shop.gateways, "us-east1"
    )
    nowhere = shop.address()
    alone = [
        each if each.cluster == WEST.name else replace(each, address=nowhere) for each in alone
    ]
    edge = shop.add_edge("alone", alone)
    shop.start(edge.name)
    EXECUTIONS.unwell.update(shop.shown_pods(WEST))
    try:
        eventually(lambda: served_by_peer(shop, edge.name), "west's gateway sends to east's", 15)
        say_something(shop, edge.name)
        assert ask(shop, "GET", "/slow/2/peer", edge=edge.name)[0] == 200
        assert EXECUTIONS.of("/slow/2/peer") == 1
    finally:
        EXECUTIONS.unwell.clear()
        edge.kill()
    eventually(
        lambda: not any(shop.hosts("gateway-west-cluster").values()), "west has its pods", 15
    )


def served_by_peer(shop: Lab, edge: str) -> bool:
    ask(shop, "GET", "/who", edge=edge)
    lines = [
        line for line in shop.envoys["gateway-west-cluster"].log() if line.get("path") == "/who"
    ]
    return bool(lines) and lines[-1]["upstream_cluster"] == "east-cluster"


def say_something(shop: Lab, edge: str = EDGE) -> None:
    with connected(shop, edge) as secure:
        open_websocket(secure)
        for number in range(3):
            secure.sendall(f"message {number}".encode())
            assert secure.recv(4096) == f"message {number}".encode()
            time.sleep(0.5)


def test_http_1_0_and_expect_are_answered(shop: Lab) -> None:
    with connected(shop) as secure:
        secure.sendall(f"GET /old HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
        assert b" 200 " in secure.recv(65536)
    with connected(shop) as secure:
        secure.sendall(b"GET /old HTTP/1.0\r\n\r\n")
        assert b" 404 " in secure.recv(65536), "it names no host"
    with connected(shop) as secure:
        secure.sendall(
            f"POST /size HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\n"
            "Expect: 100-continue\r\n\r\n".encode()
        )
        assert secure.recv(65536).startswith(b"HTTP/1.1 100 ")
        secure.sendall(b"12345")
        assert b" 200 " in secure.recv(65536)


def test_names_of_headers_and_slashes_of_paths_arrive_as_they_were_sent(shop: Lab) -> None:
    for path in ("/a/b%2Fc", "/a//b", "/at/https://example.com/", "/a%20b?c=d%2Fe"):
        assert ask(shop, "GET", path) == (200, path)
    assert "client_id: 7" in ask(shop, "GET", "/headers", client_id="7")[1]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_only_the_first_byte_and_silence_have_a_limit(tmp_path: Path, method: str) -> None:
    executions = Executions()
    short = replace(forgiving_profile(), request_timeout=1.0, idle_timeout=2.0)
    with running(tmp_path, Transport(), OwnServer, short, executions=executions) as shop:
        path = f"/slow/4/{method}"
        assert ask(shop, method, path)[0] == 504
        assert executions.of(path) == 1, "a page that takes too long is not asked for again"
        status, events = ask(shop, method, "/events/8")
        assert (status, events.count("data: ")) == (200, 8)
        assert upload(shop) == (200, "1600000")
        with connected(shop) as secure:
            open_websocket(secure)
            secure.sendall(b"said")
            assert secure.recv(4096) == b"said"
            assert secure.recv(4096) == b"", "ended, because nothing moved"


def test_a_hedged_request_that_nobody_answers_is_given_up_in_time(tmp_path: Path) -> None:
    executions = Executions()
    profile = replace(forgiving_profile(), request_timeout=2.0)
    transport = Transport(hedge_after=0.2)
    with running(tmp_path, transport, OwnServer, profile, executions=executions) as shop:
        assert ask(shop, "GET", "/slow/20/hedged")[0] == 504
        assert executions.of("/slow/20/hedged") == 2, "the hedge's, and no other tier's"
        assert ask(shop, "GET", "/slow/1/hedged")[0] == 200


def test_a_pod_that_closes_idle_connections_loses_no_order(tmp_path: Path) -> None:
    executions = Executions()
    with running(tmp_path, Transport(), OwnServer, executions=executions, idle=2) as shop:

        def order(number: int) -> int:
            time.sleep(2 * number + 0.05 * (number % 5))
            return ask(shop, "POST", f"/order/{number}", b"one")[0]

        with ThreadPoolExecutor(10) as pool:
            assert set(pool.map(order, range(8))) == {200}
