"""Which certificates the program makes, whom they are for, and a certificate of the user's own."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components import plan
from components.gateways import client_tls
from tests.components.conftest import APPLICATION, Run, secret_value, value
from tests.support.tls_pairs import certificate, key_pem


def test_the_clients_certificate_covers_the_host_and_the_address_in_the_url(run: Run) -> None:
    demo = run()
    names = demo.of_type("pki:Certificate")["corp-edge-online-banking-certs"]["names"]
    assert names == ["online-banking.dynabank.com", "127.0.0.1", "localhost"]
    secret = demo.of_type("core/v1:Secret")["corp-edge/tetrate-system/online-banking-certs"]
    assert secret["type"] == "kubernetes.io/tls"
    assert secret["metadata"]["namespace"] == "tetrate-system"
    texts = {key: b64decode(text).decode() for key, text in secret_value(secret["data"]).items()}
    loadable = yaml.safe_load(texts.pop("sds.yaml"))["resources"][0]
    assert loadable["name"] == "online-banking-certs"
    assert loadable["tls_certificate"] == {
        "certificate_chain": {"inline_string": texts["tls.crt"]},
        "private_key": {"inline_string": texts["tls.key"]},
    }
    assert texts == {
        "tls.crt": "certificate of corp-edge-online-banking-certs",
        "tls.key": "key of corp-edge-online-banking-certs",
        "ca.crt": "certificate of authority",
    }


def test_edge_and_gateways_have_certificates_of_their_own_for_one_another(run: Run) -> None:
    certificates = run().of_type("pki:Certificate")
    assert certificates["corp-edge-mesh"]["names"] == ["edge.corp-edge.mesh"]
    for name in APPLICATION:
        assert certificates[f"{name}-mesh"]["names"] == [f"gateway.{name}.mesh"]


def test_a_certificate_of_ones_own_is_shown_to_clients_as_it_is(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {"tls.crt": certificate(), "tls.key": key_pem(), "ca.crt": certificate("a", "a")}
    data = use_own(monkeypatch, texts)
    demo = run()
    secret = demo.of_type("core/v1:Secret")["corp-edge/tetrate-system/online-banking-certs"]
    assert {k: v for k, v in secret_value(secret["data"]).items() if k != "sds.yaml"} == data
    assert "corp-edge-online-banking-certs" not in demo.of_type("pki:Certificate")
    assert value(demo.outputs["caCertificate"]) == texts["ca.crt"]


def use_own(monkeypatch: pytest.MonkeyPatch, texts: dict[str, str]) -> dict[str, str]:
    """Have the program find a certificate of the user's own; return the Secret's data."""
    data = {key: b64encode(text.encode()).decode() for key, text in texts.items()}
    own = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": "online-banking-certs", "namespace": "tetrate-system"},
        "data": data,
    }
    load = plan.sources.load

    def with_own(path: Path | Sequence[Path], *more: Any) -> list[dict[str, Any]]:
        return (
            [own]
            if getattr(path, "name", "") == "online-banking-secret.yaml"
            else load(path, *more)
        )

    monkeypatch.setattr(plan.sources, "load", with_own)
    return data


def test_a_new_certificate_replaces_no_pod(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    rest = {"tls.key": key_pem(), "ca.crt": certificate("a", "a")}

    def registered(chain: str) -> dict[tuple[str, str], Any]:
        use_own(monkeypatch, {"tls.crt": chain, **rest})
        return {(made.typ, made.name): made.inputs for made in run().made}

    before, after = registered(certificate()), registered(2 * certificate())
    assert before.keys() == after.keys()
    assert {key[1] for key in before if before[key] != after[key]} == {
        "corp-edge/tetrate-system/online-banking-certs",
        "corp-edge-loaded",
    }


def test_the_authority_that_clients_need_is_public_though_the_key_is_secret() -> None:
    async def look() -> tuple[str, bool]:
        data = {
            "tls.key": pulumi.Output.secret("key"),
            "tls.crt": b64encode(b"certificate").decode(),
            "ca.crt": b64encode(b"authority").decode(),
        }
        issuer = client_tls.issuer({"data": data})
        return str(await issuer.future()), await issuer.is_secret()

    assert asyncio.run(look()) == ("authority", False)


def test_the_authority_is_known_while_a_certificate_of_its_own_is_made_anew() -> None:
    def later(value: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_result(value)
        return future

    async def look() -> bool:
        made = pulumi.Output(set(), later(None), later(False))
        known = pulumi.Output.from_input(b64encode(b"authority").decode())
        return await client_tls.issuer({"data": {"tls.crt": made, "ca.crt": known}}).is_known()

    assert asyncio.run(look())


@pytest.mark.parametrize("authority", [{}, {"ca.crt": ""}])
def test_without_an_authority_the_last_of_the_chain_is_shown(authority: dict[str, str]) -> None:
    last = certificate("a", "a")

    async def look() -> str:
        chain = f"{certificate()}{last}"
        data = {"tls.crt": b64encode(chain.encode()).decode(), **authority}
        return str(await client_tls.issuer({"data": data}).future())

    assert asyncio.run(look()).strip() == last.strip()
