"""The user's own certificate: where its Secret belongs, who names it, and whom it covers."""

from __future__ import annotations

import dataclasses
from base64 import b64encode
from datetime import datetime, tzinfo
from pathlib import Path

import pulumi
import pytest
import yaml

from components import plan
from components.settings.model import Platform
from foundation.errors import UserError
from foundation.project import ROOT
from tests.support.plans import OWN, PLAIN, chosen, made, service, warned
from tests.support.tls_pairs import certificate, key_pem


def own_secret(folder: Path, name: str, namespace: str = "", filled: bool = True) -> Path:
    """Write a Secret as `kubectl create secret tls --dry-run=client -o yaml` does."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    texts = {"tls.crt": certificate(), "tls.key": key_pem()}
    texts = texts if filled else dict.fromkeys(texts, "")
    data = {key: b64encode(text.encode()).decode() for key, text in texts.items()}
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
    file = folder / "secret.yaml"
    file.write_text(yaml.safe_dump({**document, "type": "kubernetes.io/tls"}))
    return file


@pytest.mark.parametrize("namespace", ["", "tetrate-system"])
@pytest.mark.parametrize("filled", [True, False], ids=["filled", "empty"])
def test_a_secret_is_for_the_namespace_of_the_edge(
    tmp_path: Path, namespace: str, filled: bool
) -> None:
    file = own_secret(tmp_path, "shop-certs", namespace, filled)
    (found,) = made(chosen(tmp_path, service("shop", OWN), online_banking_secret=file)).secrets
    assert found["metadata"] == {"name": "shop-certs", "namespace": "tetrate-system"}


@pytest.mark.parametrize("platform", Platform)
def test_a_secret_for_another_namespace_than_its_route_names_is_refused(
    tmp_path: Path, platform: Platform
) -> None:
    more = {"online_banking_secret": own_secret(tmp_path, "shop-certs", "default")}
    settings = chosen(tmp_path, service("shop", OWN), platform=platform, **more)
    message = r"secret\.yaml: Secret shop-certs is in namespace default, .* tetrate-system; correct"
    with pytest.raises(UserError, match=message) as refused:
        made(settings)
    assert ("tls-secret-namespace" in str(refused.value)) is (platform is Platform.TETRATE)


def test_gateways_of_tetrate_may_read_a_secret_in_another_namespace(tmp_path: Path) -> None:
    file = own_secret(tmp_path, "shop-certs", "default")
    placed = service("shop", {**OWN, "tls-secret-namespace": "default"})
    more = {"online_banking_secret": file, "platform": Platform.TETRATE}
    (found,) = made(chosen(tmp_path, placed, **more)).secrets
    assert found["metadata"]["namespace"] == "default"


def test_a_certificate_beside_the_application_is_not_what_clients_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = own_secret(tmp_path, "shop-certs")
    beside = yaml.safe_load(own_secret(tmp_path, "shop-certs", "shops").read_text())
    settings = chosen(tmp_path, service("shop", OWN), beside)
    own_secret(tmp_path, "shop-certs")
    warnings: list[str] = []
    for given in (settings, dataclasses.replace(settings, online_banking_secret=file)):
        said = warned(monkeypatch, given)
        plan.make(ROOT)
        warnings += said
    assert [line for line in warnings if "Secret shop-certs in namespace" in line] == [
        "Secret shop-certs in namespace shops is not the certificate that clients get: that one "
        "goes into manifests/online-banking-secret.yaml"
    ]


@pytest.mark.parametrize("platform", Platform)
def test_a_certificate_that_no_service_names_is_refused(tmp_path: Path, platform: Platform) -> None:
    more = {"online_banking_secret": own_secret(tmp_path, "shop-crt"), "platform": platform}
    message = (
        r"secret\.yaml: Secret shop-crt is named by no annotation gateway\.tetrate\.io/tls-secret; "
        "name it there, or call it shop-certs$"
    )
    with pytest.raises(UserError, match=message):
        made(chosen(tmp_path, service("shop", OWN), service("plain", PLAIN), **more))


def test_an_empty_secret_that_no_service_names_is_no_harm(tmp_path: Path) -> None:
    file = own_secret(tmp_path, "other", "elsewhere", filled=False)
    assert made(chosen(tmp_path, service("shop", OWN), online_banking_secret=file)).routes


@pytest.mark.parametrize("destroys", [True, False], ids=["destroy", "up"])
def test_a_certificate_that_clients_refuse_stops_what_would_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, destroys: bool
) -> None:
    file = own_secret(tmp_path, "shop-certs")
    settings = chosen(tmp_path, service("shop", OWN), online_banking_secret=file)
    monkeypatch.chdir(tmp_path)
    warnings = warned(monkeypatch, settings)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    monkeypatch.setattr(plan.validity, "datetime", Later)
    if destroys:
        monkeypatch.setenv("PULUMI_RUN_PROGRAM", "true")
        assert plan.make(ROOT).secrets
    else:
        with pytest.raises(UserError, match=r"secret\.yaml: the certificate of Secret shop-certs"):
            plan.make(ROOT)
    (uncovered,) = warnings
    assert "does not cover shop.example.com, and clients of that refuse it" in uncovered


class Later(datetime):
    """A clock that is a century ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime(2126, 1, 1, tzinfo=tz)
