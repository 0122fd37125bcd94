"""What trusts the edge, against a TLS server that shows a chain without its root."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from components.gateways.answer import get
from drills.clients.programs.browser_client import trusted_key
from drills.clients.programs.http_ways import trusting
from foundation.certificates import KeyPair, authority, leaf
from foundation.trust import is_for_address
from launcher.stack_commands import _curl
from tests.support.tls_server import https_server

HOST = "127.0.0.1"


class Portal(BaseHTTPRequestHandler):
    """Answers 200."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keeps the test's output clean."""


def below(root: KeyPair) -> KeyPair:
    """Return an authority whose certificate another one has signed."""
    own = authority("intermediate")
    made = x509.load_pem_x509_certificate(own.certificate.encode())
    by = x509.load_pem_x509_certificate(root.certificate.encode())
    key = serialization.load_pem_private_key(root.key.encode(), None)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key())  # type: ignore[arg-type]
    builder = (
        x509.CertificateBuilder()
        .subject_name(made.subject)
        .issuer_name(by.subject)
        .public_key(made.public_key())
        .serial_number(made.serial_number)
        .not_valid_before(made.not_valid_before_utc)
        .not_valid_after(made.not_valid_after_utc)
        .add_extension(identifier, critical=False)
    )
    for each in made.extensions:
        builder = builder.add_extension(each.value, each.critical)
    signed = builder.sign(key, hashes.SHA256())  # type: ignore[arg-type]
    return KeyPair(signed.public_bytes(serialization.Encoding.PEM).decode(), own.key)


@pytest.fixture(scope="module")
def chain() -> list[str]:
    """The chain that the server shows; its own first, with its key."""
    intermediate = below(authority("root"))
    pair = leaf(intermediate, HOST, [HOST])
    return [pair.certificate, intermediate.certificate, pair.key]


@pytest.fixture(scope="module")
def url(chain: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with https_server("".join(chain), Portal, tmp_path_factory.mktemp("tls")) as port:
        yield f"https://{HOST}:{port}/"


def by_update(url: str, file: Path) -> None:
    assert get(url, HOST, file.read_text())[0] == 200


def by_browser(url: str, file: Path) -> None:
    assert trusted_key({"url": url, "ca": str(file)})


def by_client(url: str, file: Path) -> None:
    with httpx.Client(verify=trusting({"ca": str(file)})) as client:
        assert client.get(url).status_code == 200


@pytest.mark.parametrize("way", [by_update, by_browser, by_client])
@pytest.mark.parametrize("number", [0, 1], ids=["its own certificate", "the intermediate's"])
def test_a_chain_without_its_root_is_trusted(
    url: str,
    chain: list[str],
    tmp_path: Path,
    number: int,
    way: Callable[[str, Path], None],
) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(chain[number])
    way(url, file)


@pytest.mark.parametrize("way", [by_update, by_browser, by_client])
def test_another_authority_is_not(
    url: str, tmp_path: Path, way: Callable[[str, Path], None]
) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(authority("other").certificate)
    with pytest.raises((OSError, httpx.ConnectError), match="CERTIFICATE_VERIFY_FAILED"):
        way(url, file)


@pytest.mark.parametrize(
    ("names", "is_for"), [([HOST], True), (["shop.example.com"], False)], ids=["ours", "another"]
)
def test_a_certificate_of_a_name_alone_is_not_for_the_address(
    names: list[str], is_for: bool, tmp_path: Path
) -> None:
    root = authority("root")
    pair = leaf(root, names[0], names)
    file = tmp_path / "ca.pem"
    file.write_text(root.certificate)
    with https_server(pair.certificate + pair.key, Portal, tmp_path) as port:
        url = f"https://{HOST}:{port}/"
        assert is_for_address(url, file) is is_for
        command = _curl(url, names[0], file, file)
        assert subprocess.run([*command, "--silent", "--fail", "--noproxy", "*"]).returncode == 0
        other = tmp_path / "other.pem"
        other.write_text(authority("other").certificate)
        assert is_for_address(url, other)  # not to be trusted at all, which others say
    assert is_for_address(url, file)
