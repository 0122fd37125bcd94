"""Requests of a user's own: what the file says, what is refused, and what is sent."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from drills.traffic import Header, Request, Sample, TrafficPlan, record
from drills.traffic.accounts import ledger_of
from drills.traffic.generator import Traffic
from drills.traffic.requests import load
from foundation.errors import UserError
from tests.support.own_server import Executions, OwnServer

FILE = """
requests:
  - path: /headers?page=2
    headers: {Authorization: Bearer secret}
  - {method: POST, path: /orders, bodyFile: order.json, idempotencyKey: true, good: [201, 409]}
  - {method: PUT, path: "/a%2Fb", body: new, good: 204}
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "traffic.yaml"
    file.write_text(text)
    return file


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "order.json").write_bytes(b'{"item": 1}\xff')
    body = base64.b64encode(b'{"item": 1}\xff').decode()
    assert load(written(tmp_path, FILE)) == (
        Request(path="/headers?page=2", headers={"authorization": "Bearer secret"}),
        Request("POST", "/orders", body=body, key=True, good=(201, 409)),
        Request("PUT", "/a%2Fb", body=base64.b64encode(b"new").decode(), good=(204,)),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "`requests`"),
        ("requests: []", "`requests`"),
        ("requests: [{path: /}]\nmore: 1", "`requests`"),
        ("{", "not YAML"),
        ("requests: [GET /]", "requests[0]: a mapping"),
        ("requests: [{path: /}, {path: /, paht: /}]", "requests[1]: paht is not known"),
        ("requests: [{method: GET}]", "requests[0], path"),
        ("requests: [{path: orders}]", "requests[0], path"),
        ("requests: [{path: //elsewhere/}]", "requests[0], path"),
        ("requests: [{path: '/a b'}]", "requests[0], path"),
        ("requests: [{path: /, method: 'GE T'}]", "requests[0], method"),
        ("requests: [{path: /, method: CONNECT}]", "requests[0], method"),
        ("requests: [{path: /, headers: {Host: x}}]", "Host is set by the generator"),
        ("requests: [{path: /, headers: {a: 1}}]", "headers, a: a line of text"),
        ("requests: [{path: /, headers: {'a b': x}}]", "'a b' is not the name"),
        ('requests: [{path: /, headers: {a: "x\\ny"}}]', "headers, a: a line of text"),
        ("requests: [{path: /, body: x, bodyFile: y}]", "exclude each other"),
        ("requests: [{path: /, bodyFile: missing}]", "missing cannot be read"),
        ("requests: [{path: /, body: {a: 1}}]", "body: text is expected"),
        ("requests: [{path: /, good: [20]}]", "good: statuses"),
        ("requests: [{path: /, good: all}]", "good: statuses"),
        ("requests: [{path: /, idempotencyKey: often}]", "idempotencyKey: true or false"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(UserError) as refused:
        load(file)
    assert said in str(refused.value) and str(file) in str(refused.value)


class Listening(OwnServer):
    """A server that ends with `closing`."""

    def close(self) -> None:
        self.stop()


def sample(method: str, **more: object) -> Sample:
    made = Sample("r-1", 1.0, 1.0, 0.1, "kept", method, "h1", status=200)
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_objectives_cover_unsafe_methods_only_with_a_key(method: str) -> None:
    assert not sample(method).repeatable
    assert sample(method, key="k").repeatable
    assert sample(method, request=f"{method} /a").kind == f"{method} /a without key"


def test_the_request_says_which_statuses_are_good() -> None:
    assert not sample("GET", status=409, good=True).lost
    assert sample("GET", status=200, good=False).failure == "200"


def test_requests_are_sent_in_turn_and_no_secret_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text("{}")
    requests = load(written(tmp_path, FILE))
    with contextlib.closing(Listening("127.0.0.1", 0, Executions())) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}/ignored"
        plan = dataclasses.replace(
            TrafficPlan.to(url, rate=60, duration=1.0, protocols=("h1",)), requests=requests
        )
        folder = tmp_path / "run"
        with Traffic(plan, Header(run="t", started=time.time()), folder) as traffic:
            assert traffic.wait(20)
    found = record.read(folder)
    assert "secret" not in (folder / record.FILE).read_text()
    assert {s.request for s in found.samples} == {
        "GET /headers?page=2",
        "POST /orders",
        "PUT /a%2Fb",
    }
    ledger = ledger_of(folder)
    assert ledger.kinds["GET /headers?page=2"].sent == 20
    assert ledger.kinds["GET /headers?page=2"].lost == 0
    # the server answers 200, which these two do not name
    assert ledger.kinds["POST /orders with key"].failures == {"200": 20}
    assert ledger.kinds["PUT /a%2Fb without key"].failures == {"200": 20}


class _Calls(BaseHTTPRequestHandler):
    """Ends calls of gRPC as their path says: where the status stands, and which it is."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        where, status, kind = self.path.strip("/").split("/")
        self.send_response(200)
        self.send_header("Content-Type", f"application/{kind}; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Trailer", "Grpc-Status")
        if where == "header":
            self.send_header("Grpc-Status", status)
        self.end_headers()
        trailer = f"Grpc-Status: {status}\r\n" if where == "trailer" else ""
        self.wfile.write(f"0\r\n{trailer}\r\n".encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("path", "good", "failure"),
    [
        ("/trailer/0/grpc", "", None),
        ("/trailer/5/grpc+proto", "", "grpc-status 5"),
        ("/header/14/grpc", "", "grpc-status 14"),
        ("/nowhere/0/grpc", "", "grpc-status none"),
        ("/nowhere/0/grpc-web+proto", "", None),
        ("/header/5/grpc", ", good: 200", None),
    ],
)
def test_a_call_of_grpc_is_lost_by_its_own_status(
    path: str, good: str, failure: str | None, tmp_path: Path
) -> None:
    requests = load(written(tmp_path, f"requests: [{{method: POST, path: {path}{good}}}]"))
    with ThreadingHTTPServer(("127.0.0.1", 0), _Calls) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        plan = dataclasses.replace(
            TrafficPlan.to(url, rate=20, duration=0.5, protocols=("h1",)), requests=requests
        )
        with Traffic(plan, Header(run="t", started=time.time()), tmp_path / "run") as traffic:
            assert traffic.wait(20)
        server.shutdown()
    assert {each.failure for each in record.read(tmp_path / "run").samples} == {failure}
