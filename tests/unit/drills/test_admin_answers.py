"""What Envoys answer to a command in their pod, and answers that are cut: real shells, no pods."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drills import failback
from drills.faults import Strike, runtime
from drills.stack import Stack
from foundation.contract import ADMIN_PORT
from foundation.errors import UserError
from tests.support.drill_stack import ACTIVE, EAST, WEST

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
HELD = b"""\
regions_a_b::10.0.0.2:15443::health_flags::healthy
regions_a_b::10.0.0.2:15443::zone::west-cluster
regions-0_a_b::10.0.0.2:15443::health_flags::/failed_active_hc
"""
SET = b"""{"entries": {"fault.http.abort.abort_percent": {
 "layer_values": ["100"], "final_value": "100"}}}
"""


def answer(body: bytes) -> bytes:
    return HEAD + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


@contextlib.contextmanager
def envoy(*answers: bytes) -> Iterator[int]:
    """Give one answer after another, the last one again and again; yields the port."""
    left = list(answers)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(left.pop(0) if len(left) > 1 else left[0])

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    weights = {EAST: 100, WEST: 100}
    return Stack(
        "west",
        tmp_path,
        tmp_path / "kubeconfig",
        weights,
        "active",
        order=ACTIVE,
        failback="manual",
    )


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have commands in pods run here, and ask the Envoy at a port of this machine."""
    pods = {"items": [{"metadata": {"name": "a"}}]}

    def at(port: int) -> None:
        def command(_: Stack, __: str, *words: str) -> list[str]:
            line = words[words.index("--") + 1 :]
            return [word.replace(f"/{ADMIN_PORT}", f"/{port}") for word in line]

        monkeypatch.setattr(Stack, "kubectl_command", command)
        monkeypatch.setattr(Stack, "get", lambda *_: pods)

    return at


def test_an_answer_that_is_cut_is_asked_for_again(stack: Stack, port: Any) -> None:
    strike = Strike(stack, EAST)
    with envoy(HEAD, answer(HELD)[:90], answer(HELD)) as there:
        port(there)
        assert failback.look(stack) == Counter({WEST: 1})
    with envoy(b"", answer(SET)[:90], answer(SET)) as there:
        port(there)
        assert runtime.is_set(strike, runtime.ABORT, 100)
        assert not runtime.is_set(strike, runtime.ABORT, 20)


def test_an_answer_that_is_never_whole_is_none(stack: Stack, port: Any) -> None:
    with envoy(answer(HELD)[:-5]) as there:
        port(there)
        with pytest.raises(UserError, match=r"corp-edge: a: .* cut off"):
            failback.look(stack)
        with pytest.raises(UserError, match="cut off"):
            runtime.is_set(Strike(stack, EAST), runtime.ABORT, 100)
        assert failback.told(stack) == [
            "corp-edge: a: Envoy's answer is cut off; whether a cluster is held back is not known"
        ]


def test_an_exec_that_is_cut_and_succeeds_is_no_answer(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    pods = {"items": [{"metadata": {"name": "a"}}]}
    monkeypatch.setattr(Stack, "get", lambda *_: pods)
    monkeypatch.setattr(Stack, "kubectl_command", lambda *_: ["true"])
    with pytest.raises(UserError, match="cut off"):
        failback.look(stack)


def test_a_pod_that_ends_is_not_asked(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    pods = {"items": [{"metadata": {"name": "a", "deletionTimestamp": "now"}}]}
    monkeypatch.setattr(Stack, "get", lambda *_: pods)
    assert failback.look(stack) == Counter()
