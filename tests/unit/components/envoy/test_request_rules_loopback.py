"""What the edge takes of a request, by real Envoys on loopback: as shipped, and as set."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from components.profile.requests import EscapedSlashes, RequestRules, Underscores
from components.routing.targets import LbMode, edge_targets, edge_weights
from components.routing.transport import Transport
from tests.support.envoy_lab import CLUSTERS, WEST, Lab, forgiving_profile
from tests.support.envoy_process import ask as raw
from tests.support.own_application import ask, running
from tests.support.own_server import Executions, OwnServer
from tests.support.waiting import eventually

STRICT = RequestRules(
    headers_size=8 * 1024,
    headers_count=20,
    retry_body=64 * 1024,
    underscores=Underscores.REJECT,
    escaped_slashes=EscapedSlashes.REJECT,
    methods=("GET", "PUT", "POST"),
)
SHIPPED = "shipped"
WAYS = {
    "strict": STRICT,
    "dropping": replace(
        STRICT, underscores=Underscores.DROP, escaped_slashes=EscapedSlashes.DECODE
    ),
    "redirecting": replace(STRICT, escaped_slashes=EscapedSlashes.REDIRECT),
}
BODY = bytes(200 * 1024)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("rules")
    strict = replace(forgiving_profile(), requests=STRICT)
    with running(folder, Transport(), OwnServer, strict, executions=Executions()) as made:
        weights = edge_weights(LbMode.STANDBY, CLUSTERS, WEST.name)
        targets = edge_targets(weights, CLUSTERS, made.gateways, "us-east1")
        for name, rules in {SHIPPED: RequestRules(), **WAYS}.items():
            made.profile = replace(forgiving_profile(), requests=rules)
            made.add_edge(name, targets)
        made.start(SHIPPED, *WAYS)
        yield made


def headers(number: int) -> dict[str, str]:
    """That many headers; `host` and what the client itself sends come on top."""
    return {f"h{n}": "x" for n in range(number)}


def test_so_many_headers_are_taken_all_the_way_and_not_one_more(shop: Lab) -> None:
    def status(more: int, edge: str = "strict") -> int:
        return ask(shop, "GET", "/x", edge=edge, **headers(more))[0]

    most = STRICT.headers_count
    found = [count for count in range(most - 8, most + 4) if status(count) == 200]
    assert found, "a gateway takes what the edge has let through"
    # the client itself sends host and accept-encoding; HTTP adds method, path and scheme
    assert max(found) + 2 <= most <= max(found) + 5
    assert status(max(found) + 1) == 431
    assert status(RequestRules.headers_count + 1, SHIPPED) == 431


def test_headers_of_that_size_are_taken_all_the_way_and_larger_ones_are_not(shop: Lab) -> None:
    most = STRICT.headers_size
    assert ask(shop, "GET", "/x", edge="strict", big="x" * (most - 300))[0] == 200
    assert ask(shop, "GET", "/x", edge="strict", big="x" * most)[0] == 431
    assert ask(shop, "GET", "/x", edge=SHIPPED, big="x" * RequestRules.headers_size)[0] == 431


def test_underscores_are_taken_dropped_or_refused(shop: Lab) -> None:
    assert "client_id: 7" in ask(shop, "GET", "/headers", edge=SHIPPED, client_id="7")[1]
    status, text = ask(shop, "GET", "/headers", edge="dropping", client_id="7")
    assert (status, "client_id" in text) == (200, False)
    assert ask(shop, "GET", "/headers", edge="strict", client_id="7")[0] == 400


def test_escaped_slashes_are_kept_decoded_redirected_or_refused(shop: Lab) -> None:
    path = "/a%2Fb"
    assert ask(shop, "GET", path, edge=SHIPPED) == (200, path)
    assert ask(shop, "GET", path, edge="dropping") == (200, "/a/b")
    assert ask(shop, "GET", path, edge="strict")[0] == 400
    tls = shop.client_context()
    answer = raw(shop.envoys["redirecting"].address, 8443, path, tls=tls)
    assert (answer.status, answer.headers["location"].rpartition("/a")[2]) == (307, "/b")


def test_methods_that_are_not_named_are_answered_by_405_and_what_is_allowed(shop: Lab) -> None:
    assert ask(shop, "DELETE", "/x", edge=SHIPPED)[0] == 200
    for edge in WAYS:
        tls = shop.client_context()
        answer = raw(shop.envoys[edge].address, 8443, "/x", tls=tls, method="DELETE")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, PUT, POST")
        assert ask(shop, "PUT", "/x", b"x", edge=edge)[0] == 200


@pytest.mark.parametrize(("edge", "status"), [(SHIPPED, 200), ("strict", 503)])
def test_a_body_that_is_kept_is_sent_again_and_a_larger_one_is_not(
    shop: Lab, edge: str, status: int
) -> None:
    gateway = shop.envoys[f"gateway-{WEST.name}"]
    eventually(lambda: not any(shop.hosts(edge).values()), "all are well", 15)
    key = {"idempotency__key": "1"}
    assert ask(shop, "PUT", "/x", BODY, edge=edge, **key)[0] == 200
    gateway.signal(signal.SIGSTOP)
    try:
        assert ask(shop, "PUT", "/x", BODY, edge=edge, **key)[0] == status
    finally:
        gateway.signal(signal.SIGCONT)
    small = BODY[: STRICT.retry_body // 2]
    eventually(lambda: not any(shop.hosts(edge).values()), "all are well", 15)
    gateway.signal(signal.SIGSTOP)
    try:
        assert ask(shop, "PUT", "/x", small, edge=edge, **key)[0] == 200
    finally:
        gateway.signal(signal.SIGCONT)
