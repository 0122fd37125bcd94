"""Client libraries against real Envoys: each sends, and each loss is told whose it is."""

from __future__ import annotations

import dataclasses
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from components.routing.targets import LbMode, edge_targets, edge_weights
from drills.clients import __main__ as command
from drills.clients.account import Account, Whose, account
from drills.clients.catalogue import CLIENTS, Client, Found
from drills.clients.edge_log import Line, line
from drills.clients.flow import Flow, plan_of
from drills.faults import Fault
from drills.journal import Entry, Journal
from drills.stack import Stack
from drills.traffic import Objectives, Sample
from drills.traffic.ledger import ledger
from foundation.errors import UserError
from tests.support.envoy_lab import CLUSTERS, WEST, Lab, lab
from tests.support.envoy_process import HOST, ask
from tests.support.waiting import eventually
from toolchain import client_packages

BY_NAME = {client.name: client for client in CLIENTS}
ELSEWHERE = ("aiohttp", "websockets")
"""Packages that are in the clients' own environment only."""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A pod and a gateway in each cluster, and an edge whose certificate names its address."""
    with lab(tmp_path_factory.mktemp("clients")) as made:
        for cluster in CLUSTERS:
            made.add_pod(cluster, 1)
            made.add_gateway(cluster)
        made.start()
        weights = edge_weights(LbMode.STANDBY, CLUSTERS, WEST.name)
        edge = made.add_edge("edge", edge_targets(weights, CLUSTERS, made.gateways, "us-east1"))
        assert made.route.tls_secret
        folder = edge.folder / "certs" / made.route.tls_secret
        made.write_certificate(folder, HOST, made.clients, [edge.address])
        made.start("edge")
        for name in ("edge", *(f"gateway-{cluster.name}" for cluster in CLUSTERS)):
            eventually(lambda name=name: _is_well(made, name), f"{name} knows its hosts", 15)
        yield made


def _is_well(made: Lab, name: str) -> bool:
    found = made.hosts(name)
    return len(found) == 2 and not any(found.values())


class Sending:
    """Clients that send to the lab's edge, and its log."""

    def __init__(self, path: Lab, folder: Path, clients: list[Client], rate: float) -> None:
        self.edge = path.envoys["edge"]
        authority = folder / "ca.pem"
        authority.write_text(path.clients.certificate)
        url = f"https://{self.edge.address}:8443/web-portal"
        self.flows = []
        for number, client in enumerate(clients):
            plan = plan_of(client, f"{folder.name}-{number}", url, authority, rate, False)
            self.flows.append(Flow(client, client.find(), plan, folder))

    def accounts(self) -> dict[str, Account]:
        found: dict[str, list[Line]] = {}
        for text in (self.edge.folder / "log").read_text().splitlines():
            if known := line(text):
                found.setdefault(known[0], []).append(known[1])
        made = {}
        for flow in self.flows:
            flow.stop()
            assert not flow.problem
            made[flow.client.name] = account(
                flow.client.name,
                flow.found.version,
                "e",
                flow.requests,
                lambda number: found.get(number, ()),
                1.0,
                messages=flow.client.messages,
            )
        return made


def sending(path: Lab, folder: Path, names: list[str], rate: float = 10) -> Sending:
    return Sending(path, folder, [BY_NAME[name] for name in names], rate)


@pytest.fixture(autouse=True)
def python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the tests' own environment where the clients' has not been made; it has most of them."""
    if not client_packages.is_ready():
        monkeypatch.setattr(client_packages, "PYTHON", Path(sys.executable))


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_each_client_gets_answers_and_loses_none_while_nothing_happens(
    client: Client, path: Lab, tmp_path: Path
) -> None:
    if missing := client.find().missing:
        pytest.skip(missing)
    if client.way in ELSEWHERE and not client_packages.is_ready():
        pytest.skip("the clients' environment is made by ./demo task clients")
    made = sending(path, tmp_path, [client.name])
    for flow in made.flows:
        flow.start()
        eventually(lambda flow=flow: len(flow.requests) >= 8, f"{client.name} sends", 60)
        flow.stop()
    (found,) = made.accounts().values()
    assert (found.lost, found.losses) == (0, ())
    assert found.sent >= 8
    if not client.messages:
        assert {request.cluster for request in made.flows[0].requests} == {WEST.name}


def test_answers_that_a_client_drops_are_its_own_and_errors_are_the_edges(
    path: Lab, tmp_path: Path
) -> None:
    names = ["requests", "httpx, HTTP/2"]
    made = sending(path, tmp_path, names)
    for flow in made.flows:
        flow.start()
        eventually(lambda flow=flow: len(flow.requests) >= 4, "it sends", 20)
    # each answer now says that its connection ends: by a header, or by GOAWAY
    ask(made.edge.address, 9901, "/healthcheck/fail", method="POST")
    eventually(lambda: any(r.lost for r in made.flows[1].requests), "GOAWAY costs an answer", 20)
    ask(made.edge.address, 9901, "/healthcheck/ok", method="POST")
    for cluster in CLUSTERS:
        path.envoys[f"gateway-{cluster.name}"].kill()
    eventually(lambda: any(r.lost for r in made.flows[0].requests), "nobody is left", 20)
    path.start(*(f"gateway-{cluster.name}" for cluster in CLUSTERS))
    for flow in made.flows:
        flow.stop()
    eventually(lambda: _logged(made), "the edge's log has the last requests")
    found = made.accounts()

    assert {loss.whose for loss in found["requests"].losses} == {Whose.EDGE}
    kinds = {loss.whose for loss in found["httpx, HTTP/2"].losses}
    assert Whose.CLIENT in kinds
    assert kinds <= {Whose.CLIENT, Whose.EDGE}


def _logged(made: Sending) -> bool:
    log = (made.edge.folder / "log").read_text()
    return all(max(flow.requests, key=lambda r: r.due).id in log for flow in made.flows)


def test_a_program_that_ends_by_itself_is_no_account(tmp_path: Path) -> None:
    authority = tmp_path / "none.pem"  # is not there
    plan = plan_of(BY_NAME["httpx"], "r", "https://127.0.0.1:1/", authority, 5, False)
    flow = Flow(BY_NAME["httpx"], BY_NAME["httpx"].find(), plan, tmp_path)
    with flow:
        eventually(lambda: flow.has_answer, "it has ended", 20)
    assert "No such file" in flow.problem


class LogOfEdge:
    """Reads the lab's log as EdgeLogs reads those of pods."""

    def __init__(self, path: Lab) -> None:
        self.file = path.envoys["edge"].folder / "log"

    def __enter__(self) -> LogOfEdge:
        return self

    def __exit__(self, *_: object) -> None: ...

    def settle(self, requests: list[str]) -> None:
        eventually(lambda: all(r in self.file.read_text() for r in requests), "all is logged")

    def of(self, number: str) -> list[Line]:
        lines = [line(text) for text in self.file.read_text().splitlines()]
        return [found[1] for found in lines if found and found[0] == number]


def test_the_command_takes_all_through_a_drill_and_keeps_the_table(
    path: Lab,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text(path.clients.certificate)
    url = f"https://{path.envoys['edge'].address}:8443/web-portal"
    stack = Stack(
        "west", tmp_path, tmp_path / "kubeconfig", {"a": 1, "b": 1}, "active", url, authority,
        order=(("a", "b"),),
    )  # fmt: skip
    during: list[str] = []

    def drilled(found: Stack, fault: Fault, *_: object, **__: object) -> SimpleNamespace:
        during.append(fault.name)
        assert callable(signal.getsignal(signal.SIGTERM)), "it ends in order"
        time.sleep(1)
        samples = [Sample("r-1", 0.0, 0.0, 0.1, "kept", "GET", "h1", status=200)]
        return SimpleNamespace(ledger=ledger(samples, (), Objectives()))

    monkeypatch.setattr(Stack, "selected", lambda *_: stack)
    monkeypatch.setattr(command.matrix, "check", lambda *_, **__: None)
    monkeypatch.setattr(command.matrix, "one", drilled)
    monkeypatch.setattr(command.preconditions, "look", lambda _: {})
    monkeypatch.setattr(command, "EdgeLogs", lambda _: LogOfEdge(path))
    monkeypatch.setattr(command.client_packages, "ensure", lambda: None)
    monkeypatch.setattr(command.matrix.project, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))  # no curl there
    chosen = ["--client", "requests", "--client", "curl"]
    table = tmp_path / "table.md"
    code = command.main(["gateway-gone", "region-cut", *chosen, "--markdown", str(table)])

    assert code == 0
    assert during == ["gateway-gone", "region-cut"]
    text = table.read_text()
    assert re.search(r"\| drills' generator \|  \| 0 of 1 \| 0 of 1 \|", text)
    assert re.search(r"\| requests \| [\d.]+ \| 0 of \d+ \| 0 of \d+ \|", text)
    assert "- curl is left out: there is no curl on PATH." in text
    assert "curl is left out" in capsys.readouterr().out


def test_an_event_that_fails_is_named_and_the_others_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = Stack(
        "west", tmp_path, tmp_path / "kubeconfig", {"a": 1, "b": 1}, "active", order=(("a", "b"),)
    )
    healed: list[object] = []

    def through(_: Stack, fault: Fault, *__: object) -> list[Account]:
        if fault.name == "region-cut":
            Journal(stack.folder).add(Entry(fault.name, "a", 1.0))
            raise UserError("region-cut in a is not mended.")
        return [Account("requests", "1", fault.name, sent=7)]

    monkeypatch.setattr(Stack, "selected", lambda *_: stack)
    monkeypatch.setattr(command, "_check", lambda *_: None)
    monkeypatch.setattr(command, "_through", through)
    monkeypatch.setattr(command.action, "heal_all", lambda *_: healed.append(1))
    monkeypatch.setattr(command.client_packages, "ensure", lambda: None)
    there = dataclasses.replace(BY_NAME["requests"], find=lambda: Found("1"))
    monkeypatch.setattr(command, "CLIENTS", (there,))
    monkeypatch.setattr(command.matrix.project, "ROOT", tmp_path)
    table = tmp_path / "table.md"
    events = ["gateway-gone", "region-cut", "edge-restart"]
    code = command.main([*events, "--client", "requests", "--markdown", str(table)])

    assert code == 1
    assert healed == [1]
    text = table.read_text()
    assert "| client | version | gateway-gone | edge-restart |" in text
    assert "| requests | 1 | 0 of 7 | 0 of 7 |" in text
    assert "- region-cut is left out: region-cut in a is not mended.\n" in text
    assert "error: region-cut: region-cut in a is not mended." in capsys.readouterr().out

    assert command.main(["region-cut", "--client", "requests"]) == 1
    assert "No event came to its end" in capsys.readouterr().err


def test_clients_that_are_not_there_are_an_error_that_names_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.main(["--client", "Node fetch", "--client", "Java HttpClient"]) == 1
    assert "there is no node on PATH" in capsys.readouterr().err
    assert command.main(["--list"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"Java HttpClient +there is no java on PATH", said)


def test_a_fault_that_is_named_twice_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["region-cut", "region-cut", "--client", "requests"]) == 1
    assert "A fault is named twice" in capsys.readouterr().err
