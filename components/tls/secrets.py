"""Secrets for clients' TLS as people give them: filled with a certificate of theirs, or empty.

The forms are those that openssl and kubectl write: text before the PEM (`openssl pkcs12`), base64
in lines, `stringData`, a chain, and no `ca.crt` (`kubectl create secret tls`).
"""

from __future__ import annotations

import base64
import codecs
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from foundation.contract import GATEWAY_NAMESPACE
from foundation.errors import UserError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

CERTIFICATE, KEY, AUTHORITY = "tls.crt", "tls.key", "ca.crt"
KEYS = (CERTIFICATE, KEY, AUTHORITY)
"""What a filled Secret holds: certificate, its key, and, if it likes, the clients' authority."""

TLS_KIND = "kubernetes.io/tls"

_SHORTEST_RSA = 2048
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
"""Keys that Envoy takes."""

_BLOCK = re.compile(
    rb"^-----BEGIN ([A-Z0-9 ]+)-----[ \t\r]*\n.*?^-----END \1-----(?=\s|\Z)",
    re.DOTALL | re.MULTILINE,
)
"""A block of PEM as Envoy's library reads it: its first and last lines have nothing before them."""


def tls_secret(
    name: str, data: Mapping[str, Any], namespace: str = GATEWAY_NAMESPACE
) -> dict[str, Any]:
    """Return a Secret of type TLS_KIND; values of `data` may be Outputs."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": TLS_KIND,
        "metadata": {"name": name, "namespace": namespace},
        "data": dict(data),
    }


def is_filled(document: Mapping[str, Any]) -> bool:
    """Say whether a Secret that has been checked holds a certificate of the user's own."""
    return any((document.get("data") or {}).get(key) for key in KEYS)


def checked(document: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    """Return the Secret as it is to be applied; `source` names its file in error texts.

    One that is filled has its values in `data`, in base64 without line ends; one that is not is
    given back as it is. Raises UserError unless it is a Secret of type kubernetes.io/tls that is
    empty, or has a certificate in PEM and the private key of the same pair.
    """
    name = f"{source}: {document['kind']} {document['metadata']['name']}"
    given = (document["apiVersion"], document["kind"], document.get("type"))
    if given != ("v1", "Secret", TLS_KIND):
        raise UserError(f"{name} is no Secret of type {TLS_KIND}; correct it or remove it")
    data = _values(document, name)
    if not any(data.get(key) for key in KEYS):
        return document
    for key in (CERTIFICATE, KEY):
        if not data.get(key):
            raise UserError(f"{name} has no {key}; fill in {CERTIFICATE} and {KEY}, or empty both")
    for key in KEYS:
        if data.get(key) and not _blocks(data[key], b"PRIVATE KEY" if key == KEY else b""):
            raise UserError(_no_pem(name, key))
    _check_pair(data[CERTIFICATE], data[KEY], name)
    result = {key: value for key, value in document.items() if key != "stringData"}
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    return {**result, "data": encoded}


def issuer_key(data: Mapping[str, Any]) -> str:
    """Return the key of a TLS Secret that names the authority of its certificate.

    It is `ca.crt`, or else `tls.crt`, whose chain may end with it. Values may be Outputs.
    """
    return AUTHORITY if data.get(AUTHORITY) not in (None, "") else CERTIFICATE


def issuer_of(data: Mapping[str, str]) -> str:
    """Return the PEM of the certificate by which clients verify that of a TLS Secret.

    It is `ca.crt`, or else the last certificate of the chain in `tls.crt`: the nearest to the
    authority that there is. `data` is that of the Secret, in base64.
    """
    key = issuer_key(data)
    pem = base64.b64decode(data[key])
    if key == AUTHORITY:
        # text around PEM may be in any encoding, and Python's ssl takes PEM in ASCII alone
        return pem.decode("ascii", errors="ignore")
    return _blocks(pem, b"CERTIFICATE")[-1].decode() + "\n"


def _values(document: Mapping[str, Any], name: str) -> dict[str, bytes]:
    """Return all values, decoded; those of `stringData` win, as with an API server."""
    values = {}
    for key, text in (document.get("data") or {}).items():
        try:
            # An API server ignores line ends in base64, which base64(1) makes.
            values[key] = base64.b64decode(re.sub("[\r\n]", "", text or ""), validate=True)
        except (TypeError, ValueError):
            raise UserError(_no_pem(name, key)) from None
    for key, text in (document.get("stringData") or {}).items():
        if not isinstance(text, str | None):
            raise UserError(f"{name} has a {key} in stringData that is no text; put it in quotes")
        values[key] = (text or "").encode()
    return {key: value.removeprefix(codecs.BOM_UTF8) for key, value in values.items()}


def _no_pem(name: str, key: str) -> str:
    what = "certificates" if key != KEY else "a key"
    return (
        f"{name} has a {key} that is not base64 of PEM, {what} between lines that begin with"
        ' "-----". Make PEM of DER by `openssl x509 -inform der` (a key: `openssl pkey -inform'
        " der`) and of PKCS#12 by `openssl pkcs12 -nodes`; then encode the file anew"
    )


def _blocks(pem: bytes, kind: bytes) -> list[bytes]:
    """Return the blocks of PEM whose kind ends so, without the text around them."""
    return [match[0] for match in _BLOCK.finditer(pem) if match[1].endswith(kind)]


def _check_pair(certificate: bytes, key: bytes, name: str) -> None:
    """Check that the key is that of the first certificate of the chain. Raises UserError."""
    # 60 ms, which a Secret that is left to the demo does not cost
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        blocks = _blocks(certificate, b"CERTIFICATE")
        first, *_ = [x509.load_pem_x509_certificate(block) for block in blocks]
        public = first.public_key().public_bytes(*form)
    except (ValueError, UnsupportedAlgorithm):
        raise UserError(
            f"{name} has a {CERTIFICATE} that is no certificate or chain of certificates in PEM; "
            "put in the whole file"
        ) from None
    _check_kind(first, name)
    try:
        private = load_pem_private_key(_blocks(key, b"PRIVATE KEY")[0], None)
    except TypeError:
        raise UserError(
            f"{name} has a {KEY} with a password; take it away: openssl pkey -in FILE -out FILE"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise UserError(f"{name} has a {KEY} that is no private key in PEM") from None
    if private.public_key().public_bytes(*form) != public:
        raise UserError(
            f"{name} has a {KEY} that is not the key of its {CERTIFICATE}; give both of one pair, "
            "the server's own certificate first"
        )


def _check_kind(certificate: Certificate, name: str) -> None:
    """Check that Envoy takes a certificate with a key of this kind. Raises UserError."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.x509.oid import PublicKeyAlgorithmOID

    match key := certificate.public_key():
        case rsa.RSAPublicKey():
            is_pss = certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS
            is_taken = key.key_size >= _SHORTEST_RSA and not is_pss
        case ec.EllipticCurvePublicKey():
            is_taken = key.curve.name in _CURVES
        case _:
            is_taken = isinstance(key, ed25519.Ed25519PublicKey)
    if not is_taken:
        raise UserError(
            f"{name} has a {CERTIFICATE} with a key that Envoy refuses; use RSA of {_SHORTEST_RSA}"
            " bits or more (not RSA-PSS), or ECDSA on P-256, P-384 or P-521"
        )
