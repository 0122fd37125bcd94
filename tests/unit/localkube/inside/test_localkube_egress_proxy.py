"""The way out by a company's proxy."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.egress import FORBIDDEN, OUTSIDE, answers, ask, connect, say_hello, server

pytestmark = pytest.mark.usefixtures("a_node_without_proxy")


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
