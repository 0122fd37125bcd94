"""The way out of a lab at work, between loopback addresses that stand for other machines."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from foundation import project
from localkube.inside import egress

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OUTSIDE = ("127.0.0.2", "127.0.0.3")
"""Loopback addresses that count as other machines here."""
FORBIDDEN = "127.0.0.4"


@pytest.fixture(autouse=True)
def a_node_without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client counts as a node, some of loopback as outside, and no proxy is to be used."""
    monkeypatch.setattr(egress, "is_node_address", lambda _: True)
    monkeypatch.setattr(egress, "allowed", lambda address, _: str(address) in OUTSIDE)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def answers(monkeypatch: pytest.MonkeyPatch, port: int, *addresses: str) -> list[str]:
    """Has every name resolved to these addresses, at a server's port; gives the names asked for."""
    asked: list[str] = []

    async def getaddrinfo(_: Any, host: str, *_rest: Any, **_more: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    connect = asyncio.open_connection

    async def open_connection(host: str, _: int, **options: Any) -> Any:
        return await connect(host, port, **options)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(egress.asyncio, "open_connection", open_connection)
    return asked


@contextlib.asynccontextmanager
async def server(handler: Handler, address: str, **options: Any) -> AsyncIterator[int]:
    """A server on loopback; gives its port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, 0))
        port = listener.getsockname()[1]
        running = await asyncio.start_server(handler, sock=listener, **options)
        try:
            yield port
        finally:
            running.close()


async def say_hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says at which address it was reached."""
    writer.write(b"hello from " + writer.get_extra_info("sockname")[0].encode())
    await writer.drain()
    writer.close()


async def ask(request: bytes, then: bytes = b"") -> bytes:
    """All that the way out answers to a request."""
    async with server(egress.handle, "127.0.0.1", limit=egress.HEAD_BYTES) as port:
        with socket.socket() as client:
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", port))
            await loop.sock_sendall(client, request + then)
            received = b""
            with contextlib.suppress(ConnectionResetError):
                while data := await asyncio.wait_for(loop.sock_recv(client, 1 << 16), 10):
                    received += data
            return received


def connect(host: str, port: int = 443) -> bytes:
    return f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()


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


def test_of_several_addresses_only_allowed_ones_are_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        async with server(say_hello, "0.0.0.0") as port:  # all of loopback
            answers(monkeypatch, port, FORBIDDEN, OUTSIDE[1], "127.0.0.1")
            assert (await ask(connect("registry.example"))).endswith(b"hello from 127.0.0.3")

    asyncio.run(run())


def test_an_address_that_does_not_answer_is_followed_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        async with server(say_hello, OUTSIDE[1]) as port:
            answers(monkeypatch, port, *OUTSIDE)
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


class CompanyProxy:
    """A proxy that notes what it is asked and then answers `answer`."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.heads: list[bytes] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        await writer.drain()
        writer.close()


def through(
    monkeypatch: pytest.MonkeyPatch, url: str, host: str, answer: bytes, **options: Any
) -> tuple[bytes, list[bytes]]:
    """What a node gets, and what the company's proxy was asked; `url` has {port} in it."""
    proxy = CompanyProxy(answer)

    async def run() -> bytes:
        async with server(proxy.handle, "127.0.0.1", **options) as port:
            monkeypatch.setenv("HTTPS_PROXY", url.format(port=port))
            return await ask(connect(host))

    return asyncio.run(run()), proxy.heads


def test_the_companys_proxy_is_asked_with_user_and_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = b"HTTP/1.0 200 OK\r\nVia: it\r\n\r\nhello"
    got, heads = through(monkeypatch, "http://me:a%40b@127.0.0.1:{port}", "registry.example", said)
    assert got.startswith(b"HTTP/1.1 200 ") and got.endswith(b"\r\n\r\nhello")
    assert b"Via" not in got
    lines = heads[0].split(b"\r\n")
    assert lines[0] == b"CONNECT registry.example:443 HTTP/1.1"
    assert b"Proxy-Authorization: Basic bWU6YUBi" in lines


def test_what_the_companys_proxy_refuses_is_said_in_its_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
    got, _ = through(monkeypatch, "http://127.0.0.1:{port}", "registry.example", said)
    line = got.partition(b"\r\n")[0]
    assert line.startswith(b"HTTP/1.1 502 the proxy 127.0.0.1:")
    assert line.endswith(b" says: 407 Proxy Authentication Required")


def test_a_proxy_that_hangs_up_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    got, _ = through(monkeypatch, "http://127.0.0.1:{port}", "registry.example", b"")
    assert got.partition(b"\r\n")[0].endswith(b" hung up")


@pytest.mark.parametrize(
    "host", [FORBIDDEN, "127.4", "[::ffff:127.0.0.4]", "localhost", "a.localhost"]
)
def test_the_proxy_is_not_asked_for_the_machine_itself(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    got, heads = through(monkeypatch, "http://127.0.0.1:{port}", host, b"HTTP/1.1 200 OK\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 403 ") and heads == []


def test_exempt_hosts_do_not_go_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with server(say_hello, OUTSIDE[0]) as port:
            answers(monkeypatch, port, OUTSIDE[0])
            monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.5:9")
            monkeypatch.setenv("NO_PROXY", ".example")
            assert b" 200 " in await ask(connect("registry.example"))

    asyncio.run(run())


def certificate(folder: Path) -> tuple[Path, Path]:
    """Files of a self-signed certificate for 127.0.0.1 and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "proxy")])
    now = datetime.datetime.now(datetime.UTC)
    alternatives = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(alternatives, critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "proxy.crt").write_bytes(made.public_bytes(pem))
    (folder / "proxy.key").write_bytes(private)
    return folder / "proxy.crt", folder / "proxy.key"


@pytest.mark.parametrize("trusted", [True, False])
def test_a_proxy_with_tls_is_spoken_to_in_tls_if_its_certificate_is_trusted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trusted: bool
) -> None:
    import ssl

    public, private = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
    said = b"HTTP/1.1 200 OK\r\n\r\nhello"
    got, heads = through(
        monkeypatch, "https://me:x@127.0.0.1:{port}", "registry.example", said, ssl=context
    )
    if trusted:
        assert got.startswith(b"HTTP/1.1 200 ") and got.endswith(b"hello")
        assert heads[0].startswith(b"CONNECT registry.example:443 ")
    else:
        assert got.startswith(b"HTTP/1.1 502 ") and heads == []


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
        f"exec {sys.executable} -c '{ask_kernel}'",
    ]
    entered = ["unshare", "--net", "sh", "-e", "-c", "\n".join(commands)]
    done = subprocess.run(entered, cwd=project.ROOT, stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    assert {"127.0.0.0/8", "192.0.2.5/32", "192.0.2.6/32", "198.51.100.0/24"} <= set(found)
    assert {"::1/128", "2001:db8::5/128"} <= set(found)
    assert "192.0.2.0/24" not in found
