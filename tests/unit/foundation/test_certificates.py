"""Certificates of the stack's own authority, as a TLS library of another make sees them."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from foundation.certificates import (
    AUTHORITY_DAYS,
    LEAF_DAYS,
    KeyPair,
    authority,
    client,
    key_pair,
    leaf,
    renewal,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NAMES = ["bank.example.com", "127.0.0.1", "localhost"]


def context(pair: KeyPair, issuer: KeyPair, server: bool, folder: Path) -> ssl.SSLContext:
    purpose = ssl.Purpose.CLIENT_AUTH if server else ssl.Purpose.SERVER_AUTH
    made = ssl.create_default_context(purpose, cadata=issuer.certificate)
    made.verify_mode = ssl.CERT_REQUIRED
    made.verify_flags |= ssl.VERIFY_X509_STRICT  # as by default since Python 3.13
    chain = folder / f"{server}.pem"
    chain.write_text(pair.certificate + pair.key)
    made.load_cert_chain(chain)
    return made


def handshake(
    server: KeyPair, client: KeyPair, issuer: KeyPair, name: str, folder: Path
) -> tuple[bytes | None, bytes | None]:
    """Gives the certificates that client and server saw, after a mutual TLS handshake."""
    left, right = socket.socketpair()
    seen: list[bytes | None] = []

    def serve() -> None:
        try:
            with context(server, issuer, True, folder).wrap_socket(right, server_side=True) as tls:
                tls.recv(1)
                seen.append(tls.getpeercert(binary_form=True))
        except ssl.SSLError:
            right.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        wrap = context(client, issuer, False, folder).wrap_socket
        with wrap(left, server_hostname=name) as tls:
            tls.send(b"x")
            met = tls.getpeercert(binary_form=True)
    finally:
        left.close()
        thread.join()
    return met, seen[0] if seen else None


@pytest.mark.parametrize("name", NAMES)
def test_a_leaf_serves_each_of_its_names_and_authenticates_its_client(
    name: str, tmp_path: Path
) -> None:
    issuer = authority("test")
    server, client = leaf(issuer, NAMES[0], NAMES), leaf(issuer, "client", ["edge.mesh"])
    met, seen = handshake(server, client, issuer, name, tmp_path)
    assert met == ssl.PEM_cert_to_DER_cert(server.certificate)
    assert seen == ssl.PEM_cert_to_DER_cert(client.certificate)


def test_a_name_that_is_not_in_the_leaf_is_refused(tmp_path: Path) -> None:
    issuer = authority("test")
    pair = leaf(issuer, NAMES[0], NAMES)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"other\.example\.com"):
        handshake(pair, pair, issuer, "other.example.com", tmp_path)


def test_a_leaf_of_another_authority_is_refused(tmp_path: Path) -> None:
    issuer, other = authority("test"), authority("test")
    good, bad = leaf(issuer, "a", NAMES), leaf(other, "a", NAMES)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"unable to get local issuer|signature"):
        handshake(bad, good, issuer, NAMES[0], tmp_path)


def test_keys_are_on_p256_and_a_leaf_may_not_sign() -> None:
    issuer = authority("test")
    root = x509.load_pem_x509_certificate(issuer.certificate.encode())
    end = x509.load_pem_x509_certificate(leaf(issuer, "a", NAMES).certificate.encode())
    for certificate in (root, end):
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert key.curve.name == "secp256r1"
    constraints = root.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical and constraints.value.ca and constraints.value.path_length == 0
    assert not end.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    end.verify_directly_issued_by(root)


def test_addresses_and_names_are_told_apart() -> None:
    pair = leaf(authority("test"), NAMES[0], NAMES)
    certificate = x509.load_pem_x509_certificate(pair.certificate.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["bank.example.com", "localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("127.0.0.1")]


def test_a_leaf_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="certificate for a needs at least one name"):
        leaf(authority("test"), "a", [])


@pytest.mark.parametrize(
    ("pair", "days"),
    [(authority("a", NOW), AUTHORITY_DAYS), (leaf(authority("a"), "a", NAMES, NOW), LEAF_DAYS)],
    ids=["authority", "leaf"],
)
def test_renewal_is_due_after_two_thirds_of_the_life(pair: KeyPair, days: int) -> None:
    due = NOW + timedelta(days=days * 2 / 3)
    assert due - timedelta(days=1) < renewal(pair.certificate) < due + timedelta(days=1)


def test_a_certificate_is_good_for_a_peer_whose_clock_is_a_minute_behind() -> None:
    certificate = x509.load_pem_x509_certificate(authority("a", NOW).certificate.encode())
    assert certificate.not_valid_before_utc <= NOW - timedelta(minutes=1)


def test_names_may_be_longer_than_a_common_name() -> None:
    long = f"shop.{'preview-' * 8}.example.com"
    made = leaf(authority(f"multi-cluster-resiliency {'x' * 60}"), long, [long])
    parsed = x509.load_pem_x509_certificate(made.certificate.encode())
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [long]
    assert parsed.subject.rfc4514_string() == f"CN={long[:64]}"


def test_a_client_is_known_by_its_whole_name_and_its_group() -> None:
    issuer = authority("test authority", NOW)
    subject = x509.load_pem_x509_certificate(
        client(issuer, "system:node:a", "system:nodes", NOW).certificate.encode()
    ).subject
    assert subject.rfc4514_string() == "CN=system:node:a,O=system:nodes"
    with pytest.raises(ValueError, match="more than 64 characters"):
        client(issuer, "x" * 65)


def test_a_client_is_taken_for_one_and_not_for_a_server(tmp_path: Path) -> None:
    issuer = authority("test")
    server, user = leaf(issuer, NAMES[0], NAMES), client(issuer, "system:node:a", "system:nodes")
    _, seen = handshake(server, user, issuer, NAMES[0], tmp_path)
    assert seen == ssl.PEM_cert_to_DER_cert(user.certificate)
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        handshake(user, user, issuer, NAMES[0], tmp_path)


def test_a_public_key_is_its_private_keys() -> None:
    public, private = key_pair()
    assert load_pem_private_key(private.encode(), None).public_key() == load_pem_public_key(
        public.encode()
    )
