"""What an Envoy gets of a Secret."""

from __future__ import annotations

from base64 import b64encode

from components.gateways.envoys import decoded

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def test_text_around_pem_may_be_in_any_encoding() -> None:
    """openssl writes the subject's name before the certificate, in the encoding that it has."""
    given = "subject=O = Bär\n".encode("latin-1") + PEM.encode()
    assert decoded(b64encode(given).decode()).endswith(PEM)
