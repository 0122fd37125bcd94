"""Certificates and keys in the forms that people have."""

from __future__ import annotations

import base64
import datetime
import textwrap
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import NameOID

_PLAIN = serialization.NoEncryption()
_PEM = serialization.Encoding.PEM


RSA_PSS = "rsa-pss"
_RSA_ID = bytes.fromhex("300d06092a864886f70d0101010500")
_RSA_PSS_ID = bytes.fromhex("300d06092a864886f70d01010a3000")
"""What names an algorithm in a key or certificate; both are of one length."""

_CURVES = {each.name: each for each in (ec.SECP224R1, ec.SECP256K1, ec.SECP384R1, ec.SECP521R1)}
_EDWARDS: dict[str, Any] = {
    "ed25519": ed25519.Ed25519PrivateKey,
    "ed448": ed448.Ed448PrivateKey,
}
"""Kinds that have a digest of their own."""


@cache
def key(kind: str = "ec") -> Any:
    """Return a private key, the same for each kind: `ec`, `rsa`, or anything else for another.

    Of RSA the kind may have a length, such as `rsa:4096`, and else it may be a curve.
    """
    name, _, length = kind.partition(":")
    if name in ("rsa", RSA_PSS):
        return rsa.generate_private_key(public_exponent=65537, key_size=int(length or 2048))
    if name in _EDWARDS:
        return _EDWARDS[name].generate()
    return ec.generate_private_key(_CURVES.get(kind, ec.SECP256R1)())


def key_pem(kind: str = "ec", *, traditional: bool = False, password: bytes = b"") -> str:
    """Return a private key in PKCS #8, or in the form of its kind."""
    form = serialization.PrivateFormat
    secrecy: Any = serialization.BestAvailableEncryption(password) if password else _PLAIN
    written = form.TraditionalOpenSSL if traditional else form.PKCS8
    return _named(kind, key(kind).private_bytes(_PEM, written, secrecy).decode())


@cache
def certificate(name: str = "shop.example.com", kind: str = "ec", issuer: str = "") -> str:
    """Return a certificate in PEM, signed by the key of the kind `issuer`, else by its own."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer or name)])
    begin = datetime.datetime(2020, 1, 1)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by)
        .public_key(key(kind).public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=36500))
        .sign(key(issuer or kind), None if (issuer or kind) in _EDWARDS else hashes.SHA256())
    )
    return _named(kind, made.public_bytes(_PEM).decode())


def _named(kind: str, pem: str) -> str:
    """Return the PEM of a key or certificate; of kind RSA_PSS it says that it is for PSS alone."""
    if kind != RSA_PSS:
        return pem
    begin, *lines, end = pem.splitlines()
    binary = base64.b64decode("".join(lines)).replace(_RSA_ID, _RSA_PSS_ID)
    return "\n".join((begin, *textwrap.wrap(base64.b64encode(binary).decode(), 64), end, ""))
