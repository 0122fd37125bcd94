"""Certificates for clients that people bring themselves."""

from __future__ import annotations

import re
import subprocess
import textwrap
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

from components.tls.secrets import checked, is_filled, issuer_of
from foundation.errors import UserError
from tests.support.envoy_process import envoy_binary
from tests.support.tls_pairs import RSA_PSS, certificate, key_pem


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


CRT, KEY, CA = certificate(), key_pem(), certificate("authority", "authority")
FILLED = {"tls.crt": encoded(CRT), "tls.key": encoded(KEY), "ca.crt": encoded(CA)}
TORN = "-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n"
BAGS = "Bag Attributes\n    localKeyID: 01 02\nsubject=CN = shop\n\n"


def secret(data: object, **more: Any) -> dict[str, Any]:
    metadata = {"name": "online-banking-certs"}
    kind = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls"}
    return {**kind, "metadata": metadata, "data": data, **more}


def without(*keys: str) -> dict[str, str]:
    return {key: value for key, value in FILLED.items() if key not in keys}


@pytest.mark.parametrize("data", [None, {}, dict.fromkeys(FILLED, ""), {"tls.crt": None}])
def test_an_empty_secret_is_left_to_the_demo(data: object) -> None:
    assert not is_filled(checked(secret(data), "own.yaml"))


def test_a_filled_secret_is_used_as_it_is() -> None:
    document = secret(FILLED)
    assert is_filled(document)
    assert checked(document, "own.yaml") == document
    assert issuer_of(document["data"]) == CA


def test_kubectl_create_secret_tls_gives_no_authority() -> None:
    document = checked(secret(without("ca.crt")), "own.yaml")
    assert issuer_of(document["data"]).strip() == CRT.strip()
    chain = {**without("ca.crt"), "tls.crt": encoded(CRT + BAGS + CA)}
    assert issuer_of(checked(secret(chain), "own.yaml")["data"]).strip() == CA.strip()


@pytest.mark.parametrize("divider", ["\n", "\r\n"])
def test_base64_may_be_in_lines(divider: str) -> None:
    wrapped = {key: divider.join(textwrap.wrap(text, 76)) for key, text in FILLED.items()}
    assert checked(secret(wrapped), "own.yaml")["data"] == FILLED


def test_values_may_be_text_and_text_wins() -> None:
    texts = {"tls.crt": CRT, "tls.key": KEY}
    document = checked(secret({"tls.key": encoded("x")}, stringData=texts), "own.yaml")
    assert document["data"] == without("ca.crt")
    assert "stringData" not in document


def test_text_before_the_pem_is_no_harm() -> None:
    bagged = {"tls.crt": encoded(BAGS + CRT), "tls.key": encoded(BAGS + KEY)}
    document = checked(secret(bagged), "own.yaml")
    assert b64decode(document["data"]["tls.crt"]).decode() == BAGS + CRT
    assert issuer_of(document["data"]).strip() == CRT.strip()


def test_clients_get_an_authority_in_ascii() -> None:
    """Python's ssl takes no other PEM; openssl writes a subject in its own encoding."""
    given = b64encode("subject=O = Bär\n".encode("latin-1") + CA.encode()).decode()
    document = checked(secret({**FILLED, "ca.crt": given}), "own.yaml")
    assert document["data"]["ca.crt"] == given
    assert issuer_of(document["data"]) == "subject=O = Br\n" + CA


@pytest.mark.parametrize("kind", ["ec", "rsa"])
@pytest.mark.parametrize("traditional", [True, False], ids=["own form", "PKCS 8"])
def test_keys_may_be_of_any_kind(kind: str, traditional: bool) -> None:
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    key = parameters + key_pem(kind, traditional=traditional)
    data = {"tls.crt": encoded(certificate(kind=kind)), "tls.key": encoded(key)}
    assert is_filled(checked(secret(data), "own.yaml"))


_LISTENER = """
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters: []
      transport_socket:
        name: tls
        typed_config:
          "@type": {type}.DownstreamTlsContext
          common_tls_context:
            tls_certificates:
            - certificate_chain: {filename: tls.crt}
              private_key: {filename: tls.key}
""".replace("{type}", "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3")


def _check_as_envoy(folder: Path, pair: dict[str, str], refusal: str) -> None:
    for name, text in {**pair, "envoy.yaml": _LISTENER}.items():
        (folder / name).write_text(text)
    done = subprocess.run(
        [envoy_binary(), "--mode", "validate", "--config-path", "envoy.yaml"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    if done.returncode == 0:
        assert is_filled(checked(secret(None, stringData=pair), "own.yaml"))
        return
    assert re.search(rb"Failed to load (certificate chain|private key)", done.stderr)
    with pytest.raises(UserError, match=refusal):
        checked(secret(None, stringData=pair), "own.yaml")


@pytest.mark.parametrize(
    "kind",
    [
        *("ec", "secp384r1", "secp521r1", "secp224r1", "secp256k1", "ed25519", "ed448"),
        *("rsa:1024", "rsa:2048", "rsa:3072", RSA_PSS),
    ],
)
def test_keys_are_taken_that_envoy_takes(tmp_path: Path, kind: str) -> None:
    pair = {"tls.crt": certificate(kind=kind), "tls.key": key_pem(kind)}
    _check_as_envoy(tmp_path, pair, "with a key that Envoy refuses; use RSA of 2048 bits or")


@pytest.mark.parametrize("further", [CRT, certificate(kind=RSA_PSS), TORN], ids=["", "PSS", "torn"])
def test_chains_are_taken_that_envoy_takes(tmp_path: Path, further: str) -> None:
    _check_as_envoy(tmp_path, {"tls.crt": CRT + further, "tls.key": KEY}, "that is no certificate")


FORMS = {
    "indented": lambda pem: "".join(f"  {line}\n" for line in pem.splitlines()),
    "in one line": lambda pem: pem.replace("\n", " "),
    "with line ends of Windows": lambda pem: pem.replace("\n", "\r\n"),
    "with blanks at line ends": lambda pem: pem.replace("-----\n", "-----  \n"),
    "without a line end": str.strip,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("key", ["tls.crt", "tls.key"])
def test_pem_is_taken_in_the_forms_that_envoy_takes(tmp_path: Path, form: str, key: str) -> None:
    pair = {"tls.crt": CRT, "tls.key": KEY}
    pair[key] = FORMS[form](pair[key])
    _check_as_envoy(tmp_path, pair, "that is not base64 of PEM")


def test_the_mark_that_editors_of_windows_write_is_taken_off() -> None:
    """Envoy refuses it."""
    marked = b64encode(b"\xef\xbb\xbf" + CRT.encode()).decode()
    document = checked(secret({**FILLED, "tls.crt": marked}), "own.yaml")
    assert document["data"] == FILLED


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (secret({**FILLED, "tls.key": ""}), r"has no tls\.key; fill in tls\.crt and tls\.key"),
        (secret({"ca.crt": FILLED["ca.crt"]}), r"has no tls\.crt; fill in"),
        (secret({**FILLED, "tls.key": "x" * 5}), r"tls\.key that is not base64 of PEM"),
        (secret({**FILLED, "tls.crt": encoded("der")}), r"tls\.crt that is not base64 of PEM"),
        (secret({**FILLED, "tls.crt": 5}), r"tls\.crt that is not base64"),
        (secret({**FILLED, "ca.crt": encoded("none")}), r"ca\.crt that is not base64 of PEM"),
        (secret({**FILLED, "tls.key": FILLED["tls.crt"]}), r"tls\.key that is not base64 of PEM"),
        (secret({**FILLED, "tls.crt": FILLED["tls.key"]}), r"tls\.crt that is no certificate"),
        (secret({**FILLED, "tls.key": encoded(key_pem("other"))}), "not the key of its tls.crt"),
        (secret({**FILLED, "tls.key": encoded(key_pem("rsa"))}), "not the key of its tls.crt"),
        (
            secret({**FILLED, "tls.key": encoded(key_pem(password=b"secret"))}),
            r"tls\.key with a password; take it away: openssl pkey",
        ),
        (
            secret(
                {
                    **FILLED,
                    "tls.key": encoded(
                        "-----BEGIN PRIVATE KEY-----\nQQ==\n-----END PRIVATE KEY-----"
                    ),
                }
            ),
            r"tls\.key that is no private key",
        ),
        (secret(None, stringData={"tls.crt": 5}), "in stringData that is no text"),
        (secret(FILLED, type="Opaque"), r"is no Secret of type kubernetes\.io/tls"),
        (secret(["a"], apiVersion="v2"), r"is no Secret of type kubernetes\.io/tls"),
        (secret({}, kind="ConfigMap"), "ConfigMap online-banking-certs is no Secret"),
    ],
)
def test_a_secret_that_cannot_be_used_is_refused(document: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=r"^own\.yaml: .*" + message) as refusal:
        checked(document, "own.yaml")
    assert "\n" not in str(refusal.value)
