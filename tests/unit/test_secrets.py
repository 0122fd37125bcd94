"""Certificates for clients that people bring themselves."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from components.errors import DemoError
from components.secrets import checked, is_filled

PEM = b64encode(b"-----BEGIN CERTIFICATE-----\n").decode()
FILLED = {"tls.crt": PEM, "tls.key": PEM, "ca.crt": PEM}


def secret(data: object, **more: Any) -> dict[str, Any]:
    metadata = {"name": "online-banking-certs"}
    kind = {"kind": "Secret", "type": "kubernetes.io/tls"}
    return {**kind, "metadata": metadata, "data": data, **more}


@pytest.mark.parametrize("data", [None, {}, dict.fromkeys(FILLED, ""), {"tls.crt": None}])
def test_an_empty_secret_is_left_to_the_demo(data: object) -> None:
    assert not is_filled(checked(secret(data), "own.yaml"))


def test_a_filled_secret_is_used_as_it_is() -> None:
    document = secret(FILLED)
    assert is_filled(document)
    assert checked(document, "own.yaml") is document


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (secret({**FILLED, "ca.crt": ""}), r"has no ca\.crt; fill in tls\.crt, tls\.key, ca\.crt"),
        (secret({"ca.crt": PEM}), r"has no tls\.crt; fill in"),
        (secret({**FILLED, "tls.key": "x" * 5}), r"tls\.key that is not base64 of PEM"),
        (secret({**FILLED, "tls.crt": b64encode(b"der").decode()}), r"tls\.crt that is not base64"),
        (secret({**FILLED, "tls.crt": 5}), r"tls\.crt that is not base64"),
        (secret(None, stringData={"a": "b"}), "has stringData; give its values in data"),
        (secret(FILLED, type="Opaque"), r"is no Secret of type kubernetes\.io/tls"),
        (secret({}, kind="ConfigMap"), "ConfigMap online-banking-certs is no Secret"),
    ],
)
def test_a_secret_that_cannot_be_used_is_refused(document: dict[str, Any], message: str) -> None:
    with pytest.raises(DemoError, match=r"^own\.yaml: .*" + message) as refusal:
        checked(document, "own.yaml")
    assert "\n" not in str(refusal.value)
