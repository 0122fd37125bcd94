"""The live picture: read from what Envoys say, and served to nobody but its reader."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as some

from topology import admin, server
from topology.admin import Host
from topology.feed import answers, documents
from topology.history import History
from topology.picture import Proxy, State, due_shares, host_state, picture

EAST, WEST = "east-cluster", "west-cluster"


def line(cluster: str, address: str, name: str, value: object) -> str:
    return f"{cluster}::{address}::{name}::{value}"


def clusters_text(**hosts: dict[str, object]) -> str:
    """What `/clusters` says of hosts, in two clusters of Envoy's."""
    found = ["regions_shop_shop::default_priority::max_connections::4096"]
    for zone, values in hosts.items():
        address = f"10.0.0.{len(zone)}:15443"
        both = {"zone": f"{zone}-cluster", "health_flags": "healthy", **values}
        found += [line("regions_shop_shop", address, key, value) for key, value in both.items()]
        found.append(line("patient_shop_shop", address, "rq_total", 1))
        found.append(line("naive_shop_shop", address, "rq_total", 100))
    return "\n".join(found)


def test_hosts_are_counted_over_the_routes_clusters_and_no_others() -> None:
    text = clusters_text(east={"rq_total": 5, "rq_error": 2, "priority": 1, "weight": 50})
    (host,) = admin.hosts(text)
    assert (host.zone, host.total, host.bad) == (EAST, 6, 2)
    assert (host.priority, host.weight, host.flags) == (1, 50, frozenset())


def test_flags_are_those_of_envoy() -> None:
    (host,) = admin.hosts(
        clusters_text(east={"health_flags": "/failed_active_hc/active_hc_timeout"})
    )
    assert host.flags == {"failed_active_hc", "active_hc_timeout"}


@given(some.lists(some.text(some.characters(codec="ascii"), min_size=1), max_size=5))
def test_a_body_is_the_same_in_chunks_of_any_size(parts: list[str]) -> None:
    whole = "".join(parts).encode()
    chunks = b"".join(f"{len(p.encode()):x}\r\n{p}\r\n".encode() for p in parts) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\n"
    assert admin.body(head + b"transfer-encoding: chunked\r\n\r\n" + chunks) == whole.decode()
    assert admin.body(head + b"\r\n" + whole) == whole.decode()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 503 No\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\ncut",
    ],
)
def test_what_is_cut_off_is_no_answer(answer: bytes) -> None:
    with pytest.raises(ValueError):
        admin.body(answer)


def test_answers_and_documents_are_told_apart_in_a_stream() -> None:
    assert list(answers(io.BytesIO(b"a\nb\n\x1e\nc\n\x1e\nd"))) == [b"a\nb\n", b"c\n"]
    stream = b'{"type": "ADDED"}\n{"type": "DELETED"}\n{"ty'
    assert [each["type"] for each in documents(io.BytesIO(stream))] == ["ADDED", "DELETED"]


def edge(*hosts: Host, at: float = 100.0) -> Proxy:
    proxy = Proxy("edge-1", "corp-edge", is_edge=True, ready=True)
    proxy.hear(at, hosts)
    return proxy


def host(zone: str, total: int = 0, **more: Any) -> Host:
    return Host(f"10.0.0.{len(zone)}:15443", zone, total=total, **more)


def test_shares_that_are_due_follow_from_priority_and_weight() -> None:
    assert due_shares([edge(host(EAST, weight=3), host(WEST, weight=1))]) == {
        EAST: 0.75,
        WEST: 0.25,
    }
    assert due_shares([edge(host(EAST, priority=1), host(WEST))]) == {EAST: 0.0, WEST: 1.0}


def test_rates_are_counted_over_a_second_and_never_below_nothing() -> None:
    proxy = edge(host(EAST, 10))
    proxy.hear(101.0, [host(EAST, 60)])
    assert proxy.rates("10.0.0.12:15443", 101.0) == (50.0, 0.0)
    assert proxy.rates("10.0.0.12:15443", 120.0) == (0.0, 0.0), "silent: nobody knows"
    proxy.hear(101.5, [host(EAST, 5)])  # it was restarted
    assert proxy.rates("10.0.0.12:15443", 101.5)[0] == 0.0
    assert proxy.rates("elsewhere", 101.5) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("flags", "rate", "state"),
    [
        ([], 5.0, State.SERVING),
        ([], 0.0, State.STANDBY),
        (["failed_active_hc", "active_hc_timeout"], 5.0, State.UNREACHABLE),
        (["failed_outlier_check"], 0.0, State.EJECTED),
        (["degraded_active_hc"], 5.0, State.DEGRADED),
        (["failed_active_hc", "excluded_via_immediate_hc_fail"], 0.0, State.DRAINING),
    ],
)
def test_each_flag_of_envoy_is_a_state(flags: list[str], rate: float, state: State) -> None:
    assert host_state(flags, rate) is state


def test_nothing_disappears() -> None:
    gateway = Proxy("gateway-1", EAST, is_edge=False, ready=True)
    gateway.hear(100.0, [Host("10.1.0.1:8080", EAST, total=5)])
    whole = [edge(host(EAST), host(WEST)), gateway]
    assert picture(whole, 101.0)["clusters"][0]["pods"][0]["state"] == State.STANDBY
    gateway.gone_at = 102.0
    found = picture(whole, 160.0)
    assert [cluster["name"] for cluster in found["clusters"]] == [EAST, WEST]
    east = found["clusters"][0]
    assert (east["state"], east["gateways"][0]["state"]) == (State.UNKNOWN, State.GONE)
    assert east["pods"][0]["state"] == State.UNKNOWN, "nobody can say"
    assert found["edge"][0]["state"] == State.SILENT and found["edge"][0]["silent"] == 60.0


def test_a_drain_ends_when_the_last_gateway_is_gone() -> None:
    flags = frozenset({"failed_active_hc", "excluded_via_immediate_hc_fail"})
    gateway = Proxy("gateway-1", EAST, is_edge=False, ready=True)
    whole = [edge(host(EAST, flags=flags), host(WEST)), gateway]
    gateway.leaving = True
    assert picture(whole, 100.5)["clusters"][0]["state"] == State.DRAINING
    gateway.gone_at = 101.0
    assert picture(whole, 101.0)["clusters"][0]["state"] == State.UNREACHABLE


def test_changes_of_state_are_events_and_the_first_sight_is_none() -> None:
    history = History("west")
    proxy = edge(host(EAST, 1), host(WEST, 1))
    assert history.add(picture([proxy], 100.0))["events"] == []
    proxy.hear(101.0, [host(EAST, 1, flags=frozenset({"failed_active_hc"})), host(WEST, 90)])
    (first, *_) = history.add(picture([proxy], 101.0))["events"]
    assert first["text"] == "east-cluster: standby, now unreachable"


TOKEN = "a-token"


def get(path: str, **headers: str) -> httpx.Response:
    """Ask the application as a browser on this machine would."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(server.application(lambda: {"at": 1.0}, TOKEN))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:8000"
        ) as client:
            return await client.get(path, headers=headers)

    return asyncio.run(ask())


def test_the_reader_gets_page_and_state() -> None:
    page = get(f"/?token={TOKEN}")
    nonce = page.headers["content-security-policy"].partition("nonce-")[2].partition("'")[0]
    assert page.status_code == 200 and f'nonce="{nonce}"' in page.text
    assert get(f"/state.json?token={TOKEN}").json() == {"at": 1.0}


@pytest.mark.parametrize("path", ["/", "/events", "/state.json"])
@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {}),
        ("?token=other", {}),
        (f"?token={TOKEN}", {"host": "rebound.example.com:8000"}),
        (f"?token={TOKEN}", {"origin": "https://example.com"}),
    ],
)
def test_nobody_else_does(path: str, query: str, headers: dict[str, str]) -> None:
    refused = get(f"{path}{query}", **headers)
    assert refused.status_code == 403
    assert "token" not in refused.text and json.dumps({"at": 1.0}) not in refused.text


def test_the_page_takes_nothing_from_elsewhere() -> None:
    text = server._PAGE.read_text()
    assert (
        "http://" not in text.replace("http://www.w3.org/2000/svg", "") and "https://" not in text
    )
    assert len(text) < 60_000
