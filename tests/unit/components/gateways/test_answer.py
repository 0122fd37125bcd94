"""The wait for the portal's answer, against a real TLS server."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from components.gateways.answer import (
    DEADLINE,
    IN_A_ROW,
    SETTLING,
    TELLS_EVERY,
    _AnswerProvider,
    get,
    wait,
)
from foundation.certificates import KeyPair, authority, leaf
from foundation.errors import UserError
from tests.support.tls_server import https_server

HOST = "bank.example.com"
EAST, WEST, CENTRAL = "east", "west", "central"


class Portal(BaseHTTPRequestHandler):
    """Answers 200 to requests for the portal of the right host, 404 to others."""

    def do_GET(self) -> None:
        right = self.path == "/web-portal" and self.headers["Host"] == HOST
        self.send_response(200 if right else 404)
        self.send_header("x-edge-configuration", "1")
        self.send_header("x-served-by-cluster", EAST)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keeps the test's output clean."""


@pytest.fixture(scope="module")
def issuer() -> KeyPair:
    return authority("test")


@pytest.fixture(scope="module")
def server(issuer: KeyPair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pair = leaf(issuer, HOST, [HOST])
    chain = pair.certificate + pair.key
    with https_server(chain, Portal, tmp_path_factory.mktemp("tls")) as port:
        yield f"https://127.0.0.1:{port}"


def test_the_portals_status_is_what_its_host_answers(server: str, issuer: KeyPair) -> None:
    assert get(f"{server}/web-portal", HOST, issuer.certificate) == (200, "1", EAST)
    assert get(f"{server}/other", HOST, issuer.certificate) == (404, "1", EAST)


def test_a_request_does_not_wait_for_the_acknowledgement_of_the_handshake(
    server: str, issuer: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[socket.socket] = []
    connect = socket.create_connection

    def kept(*arguments: Any, **options: Any) -> socket.socket:
        plain = connect(*arguments, **options)
        made.append(plain.dup())  # tells of the connection after it was closed
        return plain

    monkeypatch.setattr(socket, "create_connection", kept)
    get(f"{server}/web-portal", HOST, issuer.certificate)
    with made[0] as connection:
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_certificate_of_another_authority_is_no_answer(server: str) -> None:
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        get(f"{server}/web-portal", HOST, authority("other").certificate)


def test_a_certificate_for_another_host_is_no_answer(server: str, issuer: KeyPair) -> None:
    with pytest.raises(OSError, match=r"other\.example\.com"):
        get(f"{server}/web-portal", "other.example.com", issuer.certificate)


def test_a_port_where_nobody_listens_is_no_answer(issuer: KeyPair) -> None:
    with pytest.raises(OSError, match="refused"):
        get("https://127.0.0.1:1/", HOST, issuer.certificate)


CHANGED_BY = {
    "url": "https://bank/web-portal",
    "host": HOST,
    "authority": "",
    "configuration": "1",
}
PROPS = {**CHANGED_BY, "clusters": [EAST]}


class Clock:
    """Time that passes only while somebody pauses."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("status", [200, 301, 302, 401, 404])
def test_it_asks_until_the_application_answers_below_500(status: int) -> None:
    answers = iter([OSError("refused"), 503, 500, *[status] * IN_A_ROW])
    clock = Clock()

    def ask(*_: str) -> tuple[int, str, str]:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer, "1", EAST

    wait(PROPS, ask, clock, clock.pause)
    assert next(answers, "nothing is left") == "nothing is left"


def test_while_it_waits_it_says_for_what() -> None:
    clock, said = Clock(), list[str]()
    with pytest.raises(UserError):
        wait(PROPS, lambda *_: (503, "1", ""), clock, clock.pause, said.append)
    assert len(said) == DEADLINE / TELLS_EVERY - 1
    assert all("https://bank/web-portal" in line and "status 503" in line for line in said)


def test_one_answer_by_the_former_configuration_starts_the_count_again() -> None:
    answers = iter([*["1"] * (IN_A_ROW - 1), "former", *["1"] * IN_A_ROW])
    clock = Clock()
    wait(PROPS, lambda *_: (200, next(answers), EAST), clock, clock.pause)
    assert next(answers, "nothing is left") == "nothing is left"


def test_a_configuration_that_never_comes_into_force_is_said() -> None:
    clock = Clock()
    with pytest.raises(UserError, match="last: status 200 by the former configuration;"):
        wait(PROPS, lambda *_: (200, "former", EAST), clock, clock.pause)


def asked(clusters: Iterable[str], wanted: Sequence[str]) -> float:
    """Asks until satisfied, of these clusters and then of the last; each answer takes 0.1 s.

    Gives the seconds that it took.
    """
    given, clock, last = iter(clusters), Clock(), ""

    def ask(*_: str) -> tuple[int, str, str]:
        nonlocal last
        clock.pause(0.1)
        last = next(given, last)
        return 200, "1", last

    wait({**PROPS, "clusters": list(wanted)}, ask, clock, lambda _: None)
    return clock.now


def test_it_asks_until_every_cluster_that_gets_traffic_answers() -> None:
    assert asked([EAST, WEST] * IN_A_ROW, [EAST, WEST]) == pytest.approx(0.1 * IN_A_ROW)
    late = [EAST] * (IN_A_ROW + 5)
    assert asked([*late, WEST], [EAST, WEST]) == pytest.approx(0.1 * (IN_A_ROW + 6))


def test_an_answer_of_a_cluster_that_is_to_get_none_starts_the_count_again() -> None:
    found = asked([*[EAST] * (IN_A_ROW - 1), WEST, *[EAST] * IN_A_ROW], [EAST])
    assert found == pytest.approx(0.1 * 2 * IN_A_ROW)


@pytest.mark.parametrize(
    ("clusters", "seconds"),
    [([EAST], SETTLING), ([CENTRAL], SETTLING + 0.1 * IN_A_ROW)],
    ids=["one is away", "another answers instead"],
)
def test_a_cluster_that_is_away_is_not_waited_for_for_long(
    clusters: list[str], seconds: float
) -> None:
    assert asked(clusters, [EAST, WEST]) == pytest.approx(seconds, abs=0.2)


@pytest.mark.parametrize(
    ("answer", "said"), [(503, "last: status 503;"), (OSError("refused"), "last: refused;")]
)
def test_after_the_deadline_it_says_what_the_last_answer_was(
    answer: int | OSError, said: str
) -> None:
    clock = Clock()

    def ask(*_: str) -> tuple[int, str, str]:
        if isinstance(answer, OSError):
            raise answer
        return answer, "1", EAST

    with pytest.raises(UserError, match=f"web-portal did not answer below 500 within 60 s, {said}"):
        wait(PROPS, ask, clock, clock.pause)
    assert DEADLINE <= clock.now < DEADLINE + 1


@pytest.mark.parametrize("key", sorted(CHANGED_BY))
def test_it_asks_again_when_anything_changed(key: str) -> None:
    diff = _AnswerProvider().diff
    assert not diff("id", PROPS, PROPS).changes
    assert diff("id", PROPS, {**PROPS, key: "other"}).changes
