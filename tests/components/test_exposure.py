"""Gateways of clusters that are there already: Services, addresses, ports, marks."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from components.backends import inventory
from components.backends.existing import ExistingBackend
from components.backends.mark import ANNOTATION
from components.backends.review import Seen
from components.documents import sources
from components.documents.waiting import SKIP_AWAIT
from tests.components.conftest import ALL, Demo, Run, kubeconfig, secret_value, value

CLUSTERS = [
    {"name": "east-cluster", "region": "us-east1", "address": "192.0.2.3"},
    {"name": "west-cluster", "region": "us-west1", "address": "192.0.2.4"},
]


@pytest.fixture
def existing(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the program on clusters that were looked at and found to be well."""

    def check(self: ExistingBackend) -> None:
        self._seen = {n: Seen(n, n, kubeconfig(n), f"uid of {n}") for n in ALL}

    monkeypatch.setattr(ExistingBackend, "check", check)
    monkeypatch.setattr(ExistingBackend, "mark", "west-0123")
    return lambda **values: run(backend="existing", **values)


def gateways(demo: Demo) -> dict[str, dict[str, Any]]:
    """The Services of the gateways by cluster."""
    services = demo.of_type("core/v1:Service")
    return {name: services[f"{name}/tetrate-system/gateway"] for name in ALL}


def targets(demo: Demo, cluster: str, envoy_cluster: str) -> set[tuple[str, int]]:
    """Addresses and ports of the gateways that a gateway's Envoys send to."""
    data = demo.of_type("core/v1:ConfigMap")[f"{cluster}/tetrate-system/gateway-config"]["data"]
    found = set()
    loaded = data.get("cds.yaml")  # the edge loads them, gateways are started with them
    static = yaml.safe_load(data["envoy.yaml"])["static_resources"]
    for each in yaml.safe_load(loaded)["resources"] if loaded else static["clusters"]:
        if each["name"].startswith(envoy_cluster):
            for group in each["load_assignment"]["endpoints"]:
                for endpoint in group["lb_endpoints"]:
                    address = endpoint["endpoint"]["address"]["socket_address"]
                    found.add((address["address"], address["port_value"]))
    return {(address, port) for address, port in found if ".svc." not in address}


def test_load_balancers_are_waited_for_before_any_configuration(existing: Run) -> None:
    demo = existing()
    waits = demo.of_type("address:Address")
    assert {wait["cluster"] for wait in waits.values()} == set(ALL)
    assert "token-of-corp-edge" in secret_value(waits["corp-edge-address"]["kubeconfig"])
    for service in gateways(demo).values():
        assert service["spec"]["type"] == "LoadBalancer"
        # else Pulumi waits for pods, whose configuration waits for this Service
        assert service["metadata"]["annotations"][SKIP_AWAIT] == "true"
    assert targets(demo, "corp-edge", "regions_") == {
        ("east-cluster.example.com", 15443),
        ("west-cluster.example.com", 15443),
    }
    assert targets(demo, "east-cluster", "peers_") == {("west-cluster.example.com", 15444)}
    assert value(demo.outputs["url"]) == "https://corp-edge.example.com/web-portal"


def test_gateways_find_pods_below_the_domain_of_their_cluster(
    existing: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(self: ExistingBackend) -> None:
        self._seen = {n: Seen(n, n, kubeconfig(n), n) for n in ALL}
        self._seen["east-cluster"] = Seen(
            "", "", kubeconfig("east-cluster"), "e", domain="k8s.corp"
        )

    monkeypatch.setattr(ExistingBackend, "check", check)
    configs = existing().of_type("core/v1:ConfigMap")
    for name, zone in {"east-cluster": "k8s.corp", "west-cluster": "cluster.local"}.items():
        data = configs[f"{name}/tetrate-system/gateway-config"]["data"]
        assert f".transaction-service.svc.{zone}" in data["envoy.yaml"]


def test_the_certificate_covers_the_address_that_the_load_balancer_gave(existing: Run) -> None:
    names = existing().of_type("pki:Certificate")["corp-edge-online-banking-certs"]["names"]
    assert names == ["online-banking.dynabank.com", "corp-edge.example.com"]


def test_the_edge_may_have_an_address_of_its_own_for_clients(existing: Run) -> None:
    demo = existing(edgeAddress="127.0.0.1:8443")
    assert value(demo.outputs["url"]) == "https://127.0.0.1:8443/web-portal"
    assert {w["cluster"] for w in demo.of_type("address:Address").values()} == set(ALL[1:])
    names = demo.of_type("pki:Certificate")["corp-edge-online-banking-certs"]["names"]
    assert names == ["online-banking.dynabank.com", "127.0.0.1"]


def test_node_ports_are_in_the_services_and_in_every_configuration(existing: Run) -> None:
    demo = existing(
        exposure="NodePort", nodePort="31000", edgeAddress="192.0.2.2", clusters=CLUSTERS
    )
    assert not demo.of_type("address:Address")
    for service in gateways(demo).values():
        assert service["spec"]["type"] == "NodePort"
        assert [port["nodePort"] for port in service["spec"]["ports"]] == [31000, 31001]
    assert targets(demo, "corp-edge", "regions_") == {("192.0.2.3", 31000), ("192.0.2.4", 31000)}
    assert targets(demo, "east-cluster", "peers_") == {("192.0.2.4", 31001)}
    assert value(demo.outputs["url"]) == "https://192.0.2.2:31000/web-portal"
    data = demo.of_type("core/v1:ConfigMap")["corp-edge/tetrate-system/gateway-config"]["data"]
    assert "port_redirect: 31000" in data["rds-http.yaml"]


def test_external_ips_are_those_of_the_settings(existing: Run) -> None:
    demo = existing(exposure="externalIPs", edgeAddress="192.0.2.2", clusters=CLUSTERS)
    found = {name: service["spec"] for name, service in gateways(demo).items()}
    assert {name: spec["externalIPs"] for name, spec in found.items()} == {
        "corp-edge": ["192.0.2.2"],
        "east-cluster": ["192.0.2.3"],
        "west-cluster": ["192.0.2.4"],
    }
    assert {spec["type"] for spec in found.values()} == {"ClusterIP"}
    assert targets(demo, "corp-edge", "regions_") == {("192.0.2.3", 15443), ("192.0.2.4", 15443)}
    assert value(demo.outputs["url"]) == "https://192.0.2.2/web-portal"


def test_every_object_is_marked_and_nothing_goes_without_being_deleted(existing: Run) -> None:
    demo = existing()
    for made in demo.objects:
        assert made.inputs["metadata"]["annotations"][ANNOTATION] == "west-0123", made.name
    for name, inputs in demo.of_type("pulumi:providers:kubernetes").items():
        assert inputs["clusterIdentifier"] == f"uid of {name}"
        assert inputs["skipUpdateUnreachable"] == "false", "it would drop what is still there"
        assert inputs["upsertExistingObjects"] == "true"


def test_what_is_checked_beforehand_is_what_is_registered(existing: Run) -> None:
    listed: dict[str, list[inventory.Item]] = {}
    make = inventory.inventory

    def noted(*args: Any) -> dict[str, list[inventory.Item]]:
        listed.update(make(*args))
        return listed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inventory, "inventory", noted)
        check = ExistingBackend.check

        def listing(self: ExistingBackend) -> None:
            self._objects(sources.load(self._settings.manifest))
            check(self)

        patch.setattr(ExistingBackend, "check", listing)
        demo = existing()
    made: dict[str, set[tuple[str, str, str]]] = {name: set() for name in ALL}
    for each in demo.objects:
        metadata, kind = each.inputs["metadata"], each.typ.rpartition(":")[2]
        made[demo.cluster_of(each)].add((kind, metadata.get("namespace", ""), metadata["name"]))
    for name, items in listed.items():
        assert {(item.kind, item.namespace, item.name) for item in items} == made[name]


def test_without_a_cluster_a_preview_knows_nothing_and_says_everything(
    existing: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ExistingBackend, "check", lambda self: None)
    demo = existing()
    assert {demo.cluster_of(made) for made in demo.objects} == set(ALL)
