"""What the program registers, where, and with which inputs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.documents.waiting import SKIP_AWAIT
from components.routing.exposed_services import twin_name
from localkube import spec
from tests.components.conftest import (
    ALL,
    APPLICATION,
    AT_ONCE,
    MANAGER,
    ROOT,
    Run,
    is_secret,
    noted,
    secret_value,
    value,
)


def test_every_object_is_in_the_cluster_that_its_name_begins_with(run: Run) -> None:
    demo = run()
    assert len(demo.objects) > 30
    for made in demo.objects:
        assert demo.cluster_of(made) in ALL, f"{made.name} has no provider of its own"
        assert made.name.startswith(demo.cluster_of(made)), f"{made.name} is in the wrong cluster"


def test_every_cluster_gets_what_it_needs_and_nothing_else(run: Run) -> None:
    demo = run()
    kinds = {name: Counter[str]() for name in ALL}
    for made in demo.objects:
        kinds[demo.cluster_of(made)][made.typ.rpartition(":")[2]] += 1
    gateway = {"Namespace": 1, "ConfigMap": 1, "Secret": 1, "Service": 1, "Deployment": 1}
    gateway["PodDisruptionBudget"] = 1
    application = {"Namespace": 1, "ConfigMap": 2, "Service": 2, "Deployment": 1}
    assert kinds["corp-edge"] == Counter(gateway) + Counter(Secret=1)
    for name in APPLICATION:
        assert kinds[name] == Counter(gateway) + Counter(application)


def test_the_application_is_not_on_the_edge_and_the_clients_certificate_only_there(
    run: Run,
) -> None:
    demo = run()
    names = {(demo.cluster_of(m), m.inputs["metadata"]["name"]) for m in demo.objects}
    assert {c for c, name in names if name == "web-portal"} == set(APPLICATION)
    assert {c for c, name in names if name == "online-banking-certs"} == {"corp-edge"}
    assert {c for c, name in names if name == "gateway"} == set(ALL)


def test_all_that_the_application_is_made_of_is_registered_as_its_manifest_says(run: Run) -> None:
    demo = run()
    made = demo.of_type("apps/v1:Deployment")["east-cluster/transaction-service/web-portal"]
    documents = yaml.safe_load_all((ROOT / "manifests" / "app.yaml").read_text())
    assert made == noted(next(d for d in documents if d["kind"] == "Deployment"))


def test_every_object_has_one_field_manager_and_goes_at_once(run: Run) -> None:
    for made in run().objects:
        assert {**MANAGER, **AT_ONCE}.items() <= made.inputs["metadata"]["annotations"].items(), (
            made.name
        )


def test_nothing_waits_for_a_service_whose_address_is_known(run: Run) -> None:
    for name, service in run().of_type("core/v1:Service").items():
        assert service["metadata"]["annotations"][SKIP_AWAIT] == "true", name


def test_pods_are_waited_for(run: Run) -> None:
    deployments = run().of_type("apps/v1:Deployment")
    assert len(deployments) == 5
    for name, deployment in deployments.items():
        assert SKIP_AWAIT not in deployment["metadata"].get("annotations", {}), name


def test_each_provider_is_bound_to_its_clusters_data_and_changes_in_place(run: Run) -> None:
    providers = run().of_type("pulumi:providers:kubernetes")
    assert providers.keys() == set(ALL)
    for name, inputs in providers.items():
        assert inputs["clusterIdentifier"] == f"identity {name}"
        assert f"token-of-{name}" in secret_value(inputs["kubeconfig"])
        assert inputs["enableConfigMapMutable"] == inputs["enableSecretMutable"] == "true"
        assert inputs["skipUpdateUnreachable"] == inputs["upsertExistingObjects"] == "true"


def test_a_slow_machine_has_longer_for_each_answer(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_PATIENCE", "2.5")
    for inputs in run().of_type("pulumi:providers:kubernetes").values():
        assert json.loads(inputs["kubeClientSettings"])["timeout"] == 75


def test_clusters_have_the_ports_and_places_of_the_settings(run: Run) -> None:
    demo = run(localPort="9443", localNodes="2")
    clusters = demo.of_type("localkube:Cluster")
    assert {n: (c["index"], c["api_port"]) for n, c in clusters.items()} == {
        "corp-edge": (0, 9445),
        "east-cluster": (1, 9446),
        "west-cluster": (2, 9447),
    }
    assert clusters["corp-edge"]["ports"] == {"9443": 443, "9444": 80}
    assert clusters["east-cluster"]["ports"] == {}
    assert {c["nodes"] for c in clusters.values()} == {2}
    assert {c["lab"] for c in clusters.values()} == {str(ROOT / ".demo" / "west" / "lab")}


def test_outputs_are_those_that_scripts_rely_on(run: Run) -> None:
    outputs = {key: value(output) for key, output in run(localPort="8443").outputs.items()}
    assert outputs == {
        "url": "https://127.0.0.1:8443/web-portal",
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
    }


def test_the_edge_sends_to_every_cluster_and_each_gateway_to_every_other(run: Run) -> None:
    configs = run().of_type("core/v1:ConfigMap")
    address = {name: spec.node_address(i) for i, name in enumerate(ALL)}
    edge = configs["corp-edge/tetrate-system/gateway-config"]["data"]["cds.yaml"]
    east = configs["east-cluster/tetrate-system/gateway-config"]["data"]["envoy.yaml"]
    assert address["east-cluster"] in edge and address["west-cluster"] in edge
    assert address["west-cluster"] in east and address["east-cluster"] not in east


def test_nothing_that_people_need_to_read_is_hidden(run: Run) -> None:
    outputs = run().outputs
    assert not is_secret(outputs["caCertificate"])
    assert not is_secret(outputs["url"])


def test_the_kubeconfig_has_a_context_for_every_cluster(run: Run) -> None:
    content = run().of_type("files:PrivateFile")["kubeconfig"]["content"]
    contexts = yaml.safe_load(secret_value(content))["contexts"]
    assert [context["name"] for context in contexts] == list(ALL)


def test_the_answer_is_asked_for_by_the_url_and_checked_against_the_host(run: Run) -> None:
    answer = run(localPort="8443").of_type("answer:Answer")["corp-edge-answer"]
    assert answer["url"] == "https://127.0.0.1:8443/web-portal"
    assert answer["host"] == "online-banking.dynabank.com"
    assert answer["authority"] == "certificate of authority"


def own_manifest(annotations: dict[str, str]) -> list[dict[str, Any]]:
    """A user's own manifest: one Service and one Deployment."""
    prefix = "gateway.tetrate.io/"
    notes = {prefix + key: text for key, text in annotations.items()}
    metadata = {"name": "shop", "namespace": "shops"}
    pod = {"containers": [{"name": "shop", "image": "registry.example.com/shop:1"}]}
    template = {"metadata": {"labels": {"app": "shop"}}, "spec": pod}
    selector = {"app": "shop"}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shops"}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**metadata, "annotations": notes},
            "spec": {"selector": selector, "ports": [{"port": 80, "targetPort": 8000}]},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"selector": {"matchLabels": selector}, "template": template},
        },
    ]


OWN = {"host": "shop.example.com", "protocol": "HTTPS", "tls-secret": "shop-certs", "path": "/buy"}


def test_a_manifest_of_ones_own_is_exposed_as_the_portal_is(run: Run, tmp_path: Path) -> None:
    manifest = tmp_path / "shop.yaml"
    manifest.write_text(yaml.safe_dump_all(own_manifest(OWN)))
    demo = run(manifest=str(manifest))
    assert value(demo.outputs["url"]).endswith("/buy")
    assert demo.outputs["host"] == "shop.example.com"
    names = demo.of_type("pki:Certificate")["corp-edge-shop-certs"]["names"]
    assert names == ["shop.example.com", "127.0.0.1", "localhost"]
    assert f"east-cluster/shops/{twin_name('shop')}" in demo.of_type("core/v1:Service")
    assert "corp-edge/tetrate-system/online-banking-certs" not in demo.of_type("core/v1:Secret")
    info = demo.of_type("core/v1:ConfigMap")["west-cluster/shops/cluster-info"]
    assert info["metadata"]["namespace"] == "shops"


NAMED_ALIKE = (
    *("Service", "Namespace", "Secret", "Pod", "CronJob", "Job", "NetworkPolicy", "APIService"),
    *("ValidatingWebhookConfiguration", "CustomResourceDefinition", "HorizontalPodAutoscaler"),
)
"""Kinds of which other API groups have one of the same name: Knative a Service, say."""

ODD: tuple[dict[str, Any], ...] = (
    {},
    {"spec": {"template": {"spec": {"containers": [{"image": "a"}]}}}},
    {"spec": 5, "data": ["a"], "stringData": "b", "webhooks": [5]},
    {"spec": {"service": {"name": ["a"]}}, "webhooks": [{"clientConfig": {"service": 5}}]},
    {"spec": {"jobTemplate": [], "scaleTargetRef": [], "ports": 5, "clusterIP": "10.0.0.1"}},
)


@pytest.mark.parametrize("content", ODD, ids=map(str, range(len(ODD))))
def test_kinds_of_others_that_are_called_as_kubernetes_own_are_no_such(
    run: Run, tmp_path: Path, content: dict[str, Any]
) -> None:
    theirs = [
        {
            "apiVersion": "example.com/v1",
            "kind": kind,
            "metadata": {
                "name": "shop",
                "namespace": "shops",
                "annotations": {"gateway.tetrate.io/host": "other.example.com"},
            },
            **content,
        }
        for kind in NAMED_ALIKE
    ]
    manifest = tmp_path / "shop.yaml"
    manifest.write_text(yaml.safe_dump_all([*theirs, *own_manifest(OWN)]))
    demo = run(manifest=str(manifest))
    assert demo.outputs["application"]["selector"] == {"app": "shop"}
    assert demo.outputs["application"]["workload"] == {"kind": "Deployment", "name": "shop"}
    for kind, document in zip(NAMED_ALIKE, theirs, strict=True):
        made = demo.of_type(f":example.com/v1:{kind}")["east-cluster/shops/shop"]
        assert made.keys() == document.keys()
