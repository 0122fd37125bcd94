"""Keys and certificates of public key infrastructures of one's own; ECDSA on P-256 throughout.

Pure but for the random numbers and the time, which callers may pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
LEAF_DAYS = 365

RENEW_AT = 2 / 3
"""Share of a certificate's life after which it is renewed, as is usual (cert-manager, ACME)."""

_COMMON_NAME = 64
"""Longest common name, in characters (RFC 5280, ub-common-name)."""

_SERVER, _CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
_PEM = serialization.Encoding.PEM

CLOCK_SKEW = timedelta(minutes=5)
"""Certificates begin this much earlier, for peers whose clock is behind."""


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its private key, both PEM."""

    certificate: str
    key: str


def authority(common_name: str, now: datetime | None = None) -> KeyPair:
    """Return a new certificate authority that may sign leaf certificates only."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common_name)
    builder = (
        _builder(name, name, key.public_key(), AUTHORITY_DAYS, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
    )
    return KeyPair(_pem(builder.sign(key, hashes.SHA256())), _key_pem(key))


def leaf(
    issuer: KeyPair, common_name: str, names: Sequence[str], now: datetime | None = None
) -> KeyPair:
    """Return a new certificate, signed by `issuer`, for servers and for clients.

    `names` are DNS names and IP addresses; they all become subject alternative names.
    Raises ValueError when there is none.
    """
    return _named(issuer, common_name, names, (_SERVER, _CLIENT), now)


def server(
    issuer: KeyPair, common_name: str, names: Sequence[str], now: datetime | None = None
) -> KeyPair:
    """Return a new certificate, signed by `issuer`, as `leaf` does, that no client can use."""
    return _named(issuer, common_name, names, (_SERVER,), now)


def client(
    issuer: KeyPair, common_name: str, organization: str = "", now: datetime | None = None
) -> KeyPair:
    """Return a new certificate, signed by `issuer`, for a client that is known by its subject.

    Raises ValueError for a common name of more than 64 characters.
    """
    if len(common_name) > _COMMON_NAME:
        raise ValueError(f"{common_name} has more than {_COMMON_NAME} characters")
    return _signed(issuer, _name(common_name, organization), (_CLIENT,), (), now)


def key_pair() -> tuple[str, str]:
    """Return a new public and private key, both PEM, without a certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(_PEM, form).decode(), _key_pem(key)


def renewal(certificate: str) -> datetime:
    """Return when a PEM certificate is to be renewed: when two thirds of its life are over."""
    parsed = x509.load_pem_x509_certificate(certificate.encode())
    begin, end = parsed.not_valid_before_utc, parsed.not_valid_after_utc
    return begin + (end - begin) * RENEW_AT


def _named(
    issuer: KeyPair,
    common_name: str,
    names: Sequence[str],
    usages: Sequence[x509.ObjectIdentifier],
    now: datetime | None,
) -> KeyPair:
    if not names:
        raise ValueError(f"a certificate for {common_name} needs at least one name")
    return _signed(issuer, _name(common_name), usages, names, now)


def _signed(
    issuer: KeyPair,
    subject: x509.Name,
    usages: Sequence[x509.ObjectIdentifier],
    names: Sequence[str],
    now: datetime | None,
) -> KeyPair:
    issuer_certificate = x509.load_pem_x509_certificate(issuer.certificate.encode())
    issuer_key = serialization.load_pem_private_key(issuer.key.encode(), password=None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise ValueError("the certificate authority's key is not an ECDSA key")
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = (
        _builder(subject, issuer_certificate.subject, key.public_key(), LEAF_DAYS, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(identifier, critical=False)
    )
    if names:
        alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names])
        builder = builder.add_extension(alternatives, critical=False)
    return KeyPair(_pem(builder.sign(issuer_key, hashes.SHA256())), _key_pem(key))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    days: int,
    now: datetime | None,
) -> x509.CertificateBuilder:
    begin = (now or datetime.now(UTC)) - CLOCK_SKEW
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _name(common_name: str, organization: str = "") -> x509.Name:
    group = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    # clients go by the alternative names, which may be longer
    return x509.Name([*group, x509.NameAttribute(NameOID.COMMON_NAME, common_name[:_COMMON_NAME])])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(_PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        _PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
