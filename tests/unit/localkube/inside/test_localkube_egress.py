"""The way out of a lab at work, between loopback addresses that stand for other machines."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from ipaddress import ip_address
from typing import Any

import pytest

from foundation import project
from localkube.inside import egress
from tests.support.egress import FORBIDDEN, OUTSIDE, answers, ask, connect, say_hello, server

pytestmark = pytest.mark.usefixtures("a_node_without_proxy")


def test_a_node_reaches_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with server(say_hello, OUTSIDE[0]) as port:
            asked = answers(monkeypatch, port, OUTSIDE[0])
            head, _, body = (await ask(connect("registry.example"))).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ") and body == b"hello from 127.0.0.2"
            assert asked == ["registry.example"]

    asyncio.run(run())


def test_whoever_is_no_node_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress, "is_node_address", lambda address: address != "127.0.0.1")

    async def run() -> None:
        async with server(say_hello, OUTSIDE[0]) as port:
            asked = answers(monkeypatch, port, OUTSIDE[0])
            assert await ask(connect("registry.example")) == b""
            assert asked == []

    asyncio.run(run())


@pytest.mark.parametrize(
    ("there", "addresses"),
    [("0.0.0.0", (FORBIDDEN, OUTSIDE[1], "127.0.0.1")), (OUTSIDE[1], OUTSIDE)],
    ids=["others are not allowed", "the first does not answer"],
)
def test_of_several_addresses_the_first_allowed_one_that_answers_is_taken(
    monkeypatch: pytest.MonkeyPatch, there: str, addresses: tuple[str, ...]
) -> None:
    async def run() -> None:
        async with server(say_hello, there) as port:  # 0.0.0.0 is all of loopback
            answers(monkeypatch, port, *addresses)
            assert (await ask(connect("registry.example"))).endswith(b"hello from 127.0.0.3")

    asyncio.run(run())


def test_a_name_without_an_allowed_address_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        async with server(say_hello, FORBIDDEN) as port:
            answers(monkeypatch, port, FORBIDDEN)
            line = (await ask(connect("registry.example"))).partition(b"\r\n")[0]
            assert line == b"HTTP/1.1 403 registry.example has no address outside this machine"

    asyncio.run(run())


def test_what_the_host_has_is_looked_up_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    own: list[Any] = []
    monkeypatch.setattr(egress, "own_networks", lambda: own)
    monkeypatch.setattr(egress, "allowed", lambda address, own: address not in own)

    async def run() -> None:
        async with server(say_hello, OUTSIDE[0]) as port:
            answers(monkeypatch, port, OUTSIDE[0])
            assert b" 200 " in await ask(connect("registry.example"))
            own.append(ip_address(OUTSIDE[0]))
            assert b" 403 " in await ask(connect("registry.example"))

    asyncio.run(run())


def test_nothing_is_reached_when_the_hosts_addresses_are_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> Any:
        raise subprocess.CalledProcessError(1, "ip")

    monkeypatch.setattr(egress, "own_networks", fail)

    async def run() -> None:
        async with server(say_hello, OUTSIDE[0]) as port:
            answers(monkeypatch, port, OUTSIDE[0])
            assert b" 502 " in await ask(connect("registry.example"))

    asyncio.run(run())


def test_a_request_without_end_is_refused() -> None:
    request = b"CONNECT registry.example:443 HTTP/1.1\r\n"
    got = asyncio.run(ask(request, b"X: y\r\n" * (egress.HEAD_BYTES // 3)))
    assert not got.startswith(b"HTTP/1.1 200")


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
def test_addresses_and_ranges_of_the_host_are_found_whatever_interface_has_them() -> None:
    ask_kernel = (
        "import json; from localkube.inside.egress import own_networks; "
        "print(json.dumps([str(each) for each in own_networks()]))"
    )
    commands = [
        "ip link set lo up",
        "ip link add one type veth peer name two",
        "ip address add 192.0.2.5/24 dev one",
        "ip address add 192.0.2.6/24 dev one",
        "ip -6 address add 2001:db8::5/64 dev two nodad",
        "ip link set one up",
        "ip link set two up",
        "ip route add local 198.51.100.0/24 dev lo",
        # as a transparent proxy has it, for packets with a mark
        "ip route add local default dev lo table 100",
        "ip -6 route add local default dev lo table 100",
        f"exec {sys.executable} -c '{ask_kernel}'",
    ]
    entered = ["unshare", "--net", "sh", "-e", "-c", "\n".join(commands)]
    done = subprocess.run(entered, cwd=project.ROOT, stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    assert {"127.0.0.0/8", "192.0.2.5/32", "192.0.2.6/32", "198.51.100.0/24"} <= set(found)
    assert {"::1/128", "2001:db8::5/128"} <= set(found)
    assert not {"192.0.2.0/24", "0.0.0.0/0", "::/0"} & set(found)
