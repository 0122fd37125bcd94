"""What requests and streams meet when a gateway or the edge ends, hangs or pauses."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from components.routing.transport import Transport
from tests.support.envoy_lab import Lab
from tests.support.envoy_process import HOST, Envoy
from tests.support.own_application import EDGE, ask, connected, open_websocket, running
from tests.support.own_server import Executions, OwnServer
from tests.support.waiting import eventually

EXECUTIONS = Executions()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("shop")
    with running(folder, Transport(), OwnServer, executions=EXECUTIONS) as made:
        yield made


def test_a_request_that_takes_long_survives_the_loss_of_its_gateway(shop: Lab) -> None:
    gateway = shop.envoys["gateway-west-cluster"]
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(ask, shop, "GET", f"/slow/8/lost/{n}") for n in range(20)]
        eventually(
            lambda: all(EXECUTIONS.of(f"/slow/8/lost/{n}") for n in range(20)), "all have arrived"
        )
        gateway.kill()
        try:
            assert {each.result()[0] for each in asked} == {200}
        finally:
            shop.start(gateway.name)
    assert {EXECUTIONS.of(f"/slow/8/lost/{n}") for n in range(20)} == {2}
    eventually(lambda: not any(shop.hosts(EDGE).values()), "west is back", 15)


def test_a_gateway_that_hangs_is_told_from_a_page_that_takes_long(shop: Lab) -> None:
    gateway = shop.envoys["gateway-west-cluster"]
    assert ask(shop, "GET", "/warm")[0] == 200
    gateway.signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert ask(shop, "GET", "/hangs") == (200, "/hangs")
        took = time.monotonic() - begun
    finally:
        gateway.signal(signal.SIGCONT)
    assert took < shop.profile.request_timeout, "not the time to the first byte"
    eventually(lambda: not any(shop.hosts(EDGE).values()), "west is back", 15)


A_MOMENT = 1.0
"""Seconds that are shorter than pings wait for an answer where an order is under way."""


def stands_still(envoy: Envoy, seconds: float) -> float:
    """Stop it for a while; return for how long it was, which a busy machine may make longer."""
    begun = time.monotonic()
    envoy.signal(signal.SIGSTOP)
    time.sleep(seconds)
    envoy.signal(signal.SIGCONT)
    return time.monotonic() - begun


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_a_gateway_that_stands_still_for_a_moment_loses_no_order(shop: Lab, method: str) -> None:
    gateway = shop.envoys["gateway-west-cluster"]
    for attempt in range(5):
        paths = [f"/slow/2/moment/{method}/{attempt}/{number}" for number in range(10)]
        with ThreadPoolExecutor(10) as pool:
            asked = [pool.submit(ask, shop, method, path) for path in paths]
            eventually(lambda: all(EXECUTIONS.of(p) for p in paths), "all have arrived")  # noqa: B023
            stood = stands_still(gateway, 0.8)
            statuses = {each.result()[0] for each in asked}
        if stood < A_MOMENT:
            break
    assert statuses == {200}
    assert {EXECUTIONS.of(path) for path in paths} == {1}
    eventually(lambda: not any(shop.hosts(EDGE).values()), "west is well", 15)


def test_a_gateway_that_stands_still_for_a_moment_cuts_no_stream(shop: Lab) -> None:
    gateway = shop.envoys["gateway-west-cluster"]
    with connected(shop) as socket_, connected(shop) as events:
        open_websocket(socket_)
        events.sendall(
            f"GET /events/5 HTTP/1.1\r\nHost: {HOST}\r\nAccept: text/event-stream\r\n\r\n".encode()
        )
        text = b""
        while b"data: 0" not in text:
            text += events.recv(65536)
        if stands_still(gateway, 0.8) > A_MOMENT:
            pytest.skip("this machine gave the test no processor for a moment")
        socket_.sendall(b"still there")
        assert socket_.recv(4096) == b"still there"
        while b"data: 4" not in text and (more := events.recv(65536)):
            text += more
    assert text.count(b"data: ") == 5


def test_an_edge_that_stands_still_for_a_moment_blames_nobody(shop: Lab) -> None:
    edge = shop.envoys[EDGE]
    paths = [f"/slow/2/edge/{method}/{n}" for method in ("GET", "PUT") for n in range(10)]
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(ask, shop, path.split("/")[4], path) for path in paths]
        eventually(lambda: all(EXECUTIONS.of(path) for path in paths), "all have arrived")
        edge.signal(signal.SIGSTOP)
        time.sleep(1.5)
        edge.signal(signal.SIGCONT)
        assert {each.result()[0] for each in asked} == {200}
    assert {EXECUTIONS.of(path) for path in paths} == {1}
