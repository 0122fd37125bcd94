"""What the program registers with platform tetrate, where, and what a switch changes."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components import plan
from components.application.objects import objects
from components.backends import choice
from components.backends.protocol import MadeCluster
from components.routing.exposed_services import twin_name
from components.routing.targets import ApplicationCluster
from components.settings.exposure import Exposure
from components.settings.model import Platform, Settings
from tests.components.conftest import (
    ALL,
    APPLICATION,
    ROOT,
    Run,
    is_secret,
    kubeconfig,
    noted,
    secret_value,
    value,
)
from tests.support.tetrate import NAMESPACE, Discovery
from tests.support.tls_pairs import certificate, key_pem

NOTES = "gateway.tetrate.io/"


class Existing:
    """Clusters that are there already and have what the platform brings along."""

    exposure = Exposure()
    edge_names: tuple[str, ...] = ()
    https_port = 443
    clusters = Discovery(objects=[NAMESPACE, {**NAMESPACE, "metadata": {"name": "shop"}}])

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self) -> None:
        pass

    def raw(self, cluster: str, path: str) -> str:
        return self.clusters.raw(cluster, path)

    def make(self, name: str, parent: pulumi.Resource) -> MadeCluster:
        return MadeCluster(kubeconfig(name), f"identity {name}", None, None)


@pytest.fixture
def tetrate(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the program on such clusters."""
    monkeypatch.setattr(choice, "of", Existing)
    return lambda **values: run(**{"backend": "existing", "platform": "tetrate", **values})


def test_every_cluster_gets_what_it_needs_and_no_envoy(tetrate: Run) -> None:
    demo = tetrate()
    kinds = {name: Counter[str]() for name in ALL}
    for made in demo.objects:
        assert made.name.startswith(demo.cluster_of(made)), f"{made.name} is in the wrong cluster"
        kinds[demo.cluster_of(made)][made.typ.removeprefix("kubernetes:")] += 1
    assert kinds["corp-edge"] == {
        "core/v1:Secret": 1,
        "profile.tsb.tetrate.io/v2:Profile": 1,
        "tsb.tetrate.io/v2:Tenant": 1,
    }
    for name in APPLICATION:
        assert kinds[name] == {
            "core/v1:Namespace": 1,
            "core/v1:Service": 1,
            "apps/v1:Deployment": 1,
            "core/v1:ConfigMap": 2,
        }


def test_nothing_of_our_own_gateways_is_left(tetrate: Run) -> None:
    demo = tetrate()
    types = {made.typ for made in demo.made}
    assert not [typ for typ in types if typ.endswith((":Gateway", ":Entrance", ":Address"))]
    assert not [typ for typ in types if typ.endswith(":Answer")]
    assert demo.of_type("pki:Certificate").keys() == {"corp-edge-online-banking-certs"}


def test_the_documents_are_those_of_the_manifests(tetrate: Run) -> None:
    demo = tetrate()
    made = {m.typ.rpartition(":")[2]: m.inputs for m in demo.objects if "corp-edge" in m.name}
    for kind, file in (("Profile", "http-profile.yaml"), ("Tenant", "tenant-settings.yaml")):
        document = yaml.safe_load((ROOT / "manifests" / file).read_text())
        assert made[kind] == noted(document, stays=True)
    documents = yaml.safe_load_all((ROOT / "manifests" / "app.yaml").read_text())
    given = {d["kind"]: d for d in documents}
    east = {m.typ.rpartition(":")[2]: m.inputs for m in demo.objects if "east" in m.name}
    assert east["Deployment"] == noted(given["Deployment"])
    assert east["Namespace"] == noted(given["Namespace"])
    assert east["Namespace"]["metadata"]["labels"] == {
        "istio-injection": "enabled",
        "tetrate.io/rev": "default",
    }


def test_a_certificate_is_made_in_the_namespace_that_its_service_names(
    tetrate: Run, tmp_path: Path
) -> None:
    documents = list(yaml.safe_load_all((ROOT / "manifests" / "app.yaml").read_text()))
    (service,) = (each for each in documents if each["kind"] == "Service")
    named = {"tls-secret": "shop-certs", "tls-secret-namespace": "shop"}
    service["metadata"]["annotations"] |= {f"{NOTES}{key}": name for key, name in named.items()}
    file = tmp_path / "app.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    (secret,) = tetrate(manifest=str(file)).of_type("core/v1:Secret").values()
    assert secret["metadata"]["name"] == "shop-certs"
    assert secret["metadata"]["namespace"] == "shop"


@pytest.mark.parametrize(
    ("mode", "east", "west"),
    [
        ("active", "corp-edge:100", "corp-edge:100"),
        ("standby", "corp-edge:0", "corp-edge:100"),
        ("locality", "corp-edge", "corp-edge"),
    ],
)
def test_the_mode_is_on_the_services_and_in_the_outputs(
    tetrate: Run, mode: str, east: str, west: str
) -> None:
    demo = tetrate(lbMode=mode, activeCluster="west-cluster")
    services = demo.of_type("core/v1:Service")
    names = [f"{name}/transaction-service/web-portal" for name in APPLICATION]
    notes = [services[name]["metadata"]["annotations"] for name in names]
    assert [n[f"{NOTES}edge-clusters"] for n in notes] == [east, west]
    for given in notes:
        assert given[f"{NOTES}expose"] == "global"
        assert given[f"{NOTES}host"] == "online-banking.dynabank.com"
        assert given[f"{NOTES}tls-secret"] == "online-banking-certs"
        assert given[f"{NOTES}protocol"] == "HTTPS"
        assert given[f"{NOTES}path"] == "/web-portal"
        assert given[f"{NOTES}auto-deploy"] == "true"
    assert demo.outputs["lbMode"] == mode == demo.of_type("demo:edge:Edge")["corp-edge"]["lbMode"]


def test_a_switch_changes_the_annotations_only(tetrate: Run) -> None:
    before, after = (
        {(m.typ, m.name): m.inputs for m in tetrate(lbMode=mode).made}
        for mode in ("active", "standby")
    )
    assert before.keys() == after.keys()
    changed = {key for key in before if before[key] != after[key]}
    service = ("kubernetes:core/v1:Service", "west-cluster/transaction-service/web-portal")
    assert changed == {
        service,
        ("demo:application:Application", "west-cluster"),  # the components that tell people
        ("demo:edge:Edge", "corp-edge"),
    }
    for given, weight in ((before, 100), (after, 0)):
        notes = given[service]["metadata"]["annotations"]
        assert notes.pop(f"{NOTES}edge-clusters") == f"corp-edge:{weight}"
    assert before[service] == after[service]


def test_outputs_are_those_that_scripts_rely_on(tetrate: Run) -> None:
    demo = tetrate()
    assert {key: value(output) for key, output in demo.outputs.items()} == {
        "url": "https://online-banking.dynabank.com/web-portal",
        "host": "online-banking.dynabank.com",
        "kubeconfig": str(ROOT / ".demo" / "west" / "kubeconfig"),
        "caCertificate": "certificate of authority",
        "lbMode": "active",
        "edgeWeights": {"east-cluster": 100, "west-cluster": 100},
        "edgePriorities": [["east-cluster", "west-cluster"]],
        "application": {
            "namespace": "transaction-service",
            "workload": {"kind": "Deployment", "name": "web-portal"},
            "selector": {"app": "web-portal"},
            "host": "online-banking.dynabank.com",
            "path": "/web-portal",
        },
        "platform": "tetrate",
    }
    assert not is_secret(demo.outputs["caCertificate"])


def test_an_address_of_the_edge_is_in_the_url_and_in_the_certificate(
    tetrate: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Existing, "edge_names", ("203.0.113.7",))
    monkeypatch.setattr(Existing, "https_port", 8443)
    demo = tetrate()
    assert value(demo.outputs["url"]) == "https://203.0.113.7:8443/web-portal"
    names = demo.of_type("pki:Certificate")["corp-edge-online-banking-certs"]["names"]
    assert names == ["online-banking.dynabank.com", "203.0.113.7"]


def test_an_empty_certificate_is_filled_in_and_keys_are_secret(tetrate: Run) -> None:
    demo = tetrate()
    secret = demo.of_type("core/v1:Secret")["corp-edge/tetrate-system/online-banking-certs"]
    assert secret["metadata"]["namespace"] == "tetrate-system"
    certificate = b64decode(secret_value(secret["data"])["tls.crt"])
    assert certificate.startswith(b"certificate of corp-edge-online")
    for provider in demo.of_type("pulumi:providers:kubernetes").values():
        assert "token-of-" in secret_value(provider["kubeconfig"])


def test_a_certificate_of_ones_own_is_taken_as_it_is(
    tetrate: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = plan.sources.load
    texts = {"tls.crt": certificate(), "tls.key": key_pem(), "ca.crt": certificate("a", "a")}
    data = {key: b64encode(text.encode()).decode() for key, text in texts.items()}

    def with_own(path: Path | Sequence[Path], *more: Any) -> list[dict[str, Any]]:
        documents = load(path, *more)
        own = getattr(path, "name", "") == "online-banking-secret.yaml"
        return [{**document, "data": data} for document in documents] if own else documents

    monkeypatch.setattr(plan.sources, "load", with_own)
    demo = tetrate()
    secret = demo.of_type("core/v1:Secret")["corp-edge/tetrate-system/online-banking-certs"]
    assert secret_value(secret["data"]) == data
    assert not demo.of_type("pki:Certificate")
    assert value(demo.outputs["caCertificate"]) == texts["ca.crt"]


def test_the_same_documents_on_both_platforms_differ_by_twins_alone() -> None:
    documents = list(yaml.safe_load_all((ROOT / "manifests" / "app.yaml").read_text()))
    place = ApplicationCluster("east-cluster", "us-east1")
    envoy = objects(documents, place, 100, Platform.ENVOY)
    tetrate = objects(documents, place, 100, Platform.TETRATE)
    assert [d for d in envoy if d["metadata"]["name"] != twin_name("web-portal")] == tetrate
