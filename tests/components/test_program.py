"""What the program registers, where, and with which inputs."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components import plan
from components.documents.waiting import SKIP_AWAIT
from components.gateways import client_tls
from components.routing.exposed_services import twin_name
from foundation.contract import FAILBACK_TRIGGER
from localkube import spec
from tests.components.conftest import (
    AT_ONCE,
    MANAGER,
    ROOT,
    Demo,
    is_secret,
    noted,
    secret_value,
    value,
)
from tests.support.tls_pairs import certificate, key_pem

Run = Callable[..., Demo]
APPLICATION = ("east-cluster", "west-cluster")
ALL = ("corp-edge", *APPLICATION)
EXPOSED = "gateway.tetrate.io/edge-clusters"


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


@pytest.mark.parametrize(
    ("mode", "east", "west"),
    [
        ("active", "corp-edge:100", "corp-edge:100"),
        ("standby", "corp-edge:0", "corp-edge:100"),
        ("locality", "corp-edge", "corp-edge"),
    ],
)
def test_the_mode_is_on_the_services_on_the_edge_and_in_the_outputs(
    run: Run, mode: str, east: str, west: str
) -> None:
    demo = run(lbMode=mode, activeCluster="west-cluster")
    services = demo.of_type("core/v1:Service")
    given = [
        services[f"{cluster}/transaction-service/web-portal"]["metadata"]["annotations"][EXPOSED]
        for cluster in APPLICATION
    ]
    assert given == [east, west]
    weights = {
        name: int(text.partition(":")[2]) if ":" in text else None
        for name, text in zip(APPLICATION, given, strict=True)
    }
    edge = demo.of_type("demo:edge:Edge")["corp-edge"]
    assert edge["lbMode"] == mode == demo.outputs["lbMode"]
    assert edge["edgeWeights"] == {n: "locality" if w is None else w for n, w in weights.items()}
    assert demo.outputs["edgeWeights"] == weights


def test_a_switch_changes_the_edge_and_the_weights_only(run: Run) -> None:
    before, after = (
        {(made.typ, made.name): made.inputs for made in run(lbMode=mode).made}
        for mode in ("active", "standby")
    )
    assert before.keys() == after.keys()
    changed = {key[1] for key in before if before[key] != after[key]}
    assert changed == {
        "west-cluster",  # the component that tells people
        "west-cluster/transaction-service/web-portal",
        "corp-edge",
        "corp-edge/tetrate-system/gateway-config",  # its pods load it, so no Deployment changes
        "corp-edge-answer",
        "corp-edge-loaded",
    }


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


@pytest.mark.parametrize(
    ("mode", "clusters"),
    [
        ("active", ["east-cluster", "west-cluster"]),
        ("standby", ["east-cluster"]),
        ("locality", ["east-cluster"]),
    ],
)
def test_the_answers_have_to_come_from_the_clusters_that_get_the_traffic(
    run: Run, mode: str, clusters: list[str]
) -> None:
    demo = run(lbMode=mode, activeCluster="east-cluster")
    assert demo.of_type("answer:Answer")["corp-edge-answer"]["clusters"] == clusters


def test_a_third_cluster_gets_all_that_the_others_have(run: Run) -> None:
    clusters = [{"name": n, "region": "us-east1"} for n in ("one", "two", "three")]
    demo = run(clusters=clusters)
    per_cluster = Counter(demo.cluster_of(made) for made in demo.objects)
    assert per_cluster["one"] == per_cluster["two"] == per_cluster["three"] == 12
    assert demo.outputs["edgeWeights"] == {"one": 100, "two": 100, "three": 100}


MANY = [
    {"name": "east-cluster", "region": "us-east1", "weight": 50},
    {"name": "east2-cluster", "region": "us-east1", "weight": 30},
    {"name": "west-cluster", "region": "us-west1", "weight": 20},
    {"name": "west2-cluster", "region": "us-west1"},
    {"name": "central-cluster", "region": "us-central1"},
]


def envoy_clusters(demo: Demo, cluster: str) -> list[dict]:
    """The Envoy clusters that the Envoys of `cluster` know."""
    data = demo.of_type("core/v1:ConfigMap")[f"{cluster}/tetrate-system/gateway-config"]["data"]
    if loaded := data.get("cds.yaml"):
        return list(yaml.safe_load(loaded)["resources"])
    return list(yaml.safe_load(data["envoy.yaml"])["static_resources"]["clusters"])


def envoy_groups(demo: Demo, cluster: str, prefix: str) -> dict[str, tuple[int, int]]:
    """Cluster -> its priority and its share, as the Envoys of `cluster` are told."""
    (found,) = [each for each in envoy_clusters(demo, cluster) if each["name"].startswith(prefix)]
    return {
        group["locality"]["zone"]: (
            group["priority"],
            group["lb_endpoints"][0].get("load_balancing_weight", 1),
        )
        for group in found["load_assignment"]["endpoints"]
    }


@pytest.mark.parametrize("count", [3, 5])
def test_with_many_clusters_the_edge_has_every_weight(run: Run, count: int) -> None:
    weights = {each["name"]: each.get("weight", 100) for each in MANY[:count]}
    demo = run(clusters=MANY[:count])
    assert demo.outputs["edgeWeights"] == weights
    expected = {name: (0, weight) for name, weight in weights.items()}
    assert envoy_groups(demo, "corp-edge", "regions_") == expected
    standby = run(clusters=MANY[:count], lbMode="standby", activeCluster="east2-cluster")
    assert envoy_groups(standby, "corp-edge", "regions_") == {
        name: (0, 30) if name == "east2-cluster" else (1, 1) for name in weights
    }


@pytest.mark.parametrize(
    ("count", "cluster", "expected"),
    [
        (3, "east-cluster", {"east2": 0, "west": 1}),
        (3, "west-cluster", {"east": 0, "east2": 0}),
        (5, "east2-cluster", {"east": 0, "central": 1, "west": 2, "west2": 2}),
        (5, "west-cluster", {"west2": 0, "central": 1, "east": 2, "east2": 2}),
        (5, "central-cluster", {"east": 0, "east2": 0, "west": 1, "west2": 1}),
    ],
)
def test_with_many_clusters_each_gateway_has_its_own_order(
    run: Run, count: int, cluster: str, expected: dict[str, int]
) -> None:
    groups = envoy_groups(run(clusters=MANY[:count]), cluster, "peers_")
    assert {name: at for name, (at, _) in groups.items()} == {
        f"{name}-cluster": at for name, at in expected.items()
    }


@pytest.mark.parametrize(("region", "first"), [("us-east1", "east"), ("us-west1", "west")])
def test_with_many_clusters_locality_begins_in_the_edges_own_region(
    run: Run, region: str, first: str
) -> None:
    demo = run(clusters=MANY, lbMode="locality", edgeRegion=region)
    groups = envoy_groups(demo, "corp-edge", "regions_")
    own = {name for name, (at, _) in groups.items() if at == 0}
    assert own == {f"{first}-cluster", f"{first}2-cluster"}
    assert groups["central-cluster"] == (1, 1)


def test_another_cluster_at_the_end_changes_nothing_of_the_others_but_their_gateways(
    run: Run,
) -> None:
    before, after = (
        {(made.typ, made.name): made.inputs for made in run(clusters=MANY[:count]).made}
        for count in (3, 5)
    )
    assert before.keys() < after.keys()
    changed = {name for (kind, name), inputs in before.items() if inputs != after[kind, name]}
    gateways = {
        f"{n}-cluster/tetrate-system/gateway{part}"
        for n in ("east", "east2", "west")
        for part in ("", "-config")
    }
    edge = {
        "corp-edge",
        "corp-edge/tetrate-system/gateway-config",
        "corp-edge-answer",
        "corp-edge-loaded",
    }
    assert changed == gateways | edge | {"kubeconfig"}


def portal(annotations: dict[str, str], **more: Any) -> list[dict[str, Any]]:
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
        *more.get("documents", []),
    ]


OWN = {"host": "shop.example.com", "protocol": "HTTPS", "tls-secret": "shop-certs", "path": "/buy"}


def test_a_manifest_of_ones_own_is_exposed_as_the_portal_is(run: Run, tmp_path: Path) -> None:
    manifest = tmp_path / "shop.yaml"
    manifest.write_text(yaml.safe_dump_all(portal(OWN)))
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
    manifest.write_text(yaml.safe_dump_all([*theirs, *portal(OWN)]))
    demo = run(manifest=str(manifest))
    assert demo.outputs["application"]["selector"] == {"app": "shop"}
    assert demo.outputs["application"]["workload"] == {"kind": "Deployment", "name": "shop"}
    for kind, document in zip(NAMED_ALIKE, theirs, strict=True):
        made = demo.of_type(f":example.com/v1:{kind}")["east-cluster/shops/shop"]
        assert made.keys() == document.keys()


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


def test_by_default_failback_leaves_no_trace(run: Run) -> None:
    demo = run()
    assert not [name for name in demo.outputs if name.startswith("failback")]
    assert "failback" not in demo.of_type("demo:edge:Edge")["corp-edge"]
    files = edge_files(demo)
    assert "-joined_" not in "".join(files[name] for name in files if name.startswith("rds-"))
    assert "name: regions-0_" not in files["cds.yaml"]


@pytest.mark.parametrize("way", ["ramped", "manual"])
def test_another_failback_changes_what_the_edge_loads_and_no_pod(run: Run, way: str) -> None:
    before, after = (
        {(made.typ, made.name): made.inputs for made in run(failback=chosen).made}
        for chosen in ("atOnce", way)
    )
    assert {key[1] for key in before if before[key] != after[key]} == {
        "corp-edge",
        "corp-edge/tetrate-system/gateway-config",
        "corp-edge-answer",
        "corp-edge-loaded",
    }


def test_drills_are_told_how_a_cluster_returns(run: Run) -> None:
    demo = run(failback="ramped")
    assert (demo.outputs["failback"], demo.outputs["failbackSeconds"]) == ("ramped", 30)


def test_a_trigger_is_there_only_where_somebody_says_when(run: Run) -> None:
    demo = run(failback="manual")
    (trigger,) = demo.of_type(f":{FAILBACK_TRIGGER}")
    assert f"failback: text of {trigger}" in edge_files(demo)["cds.yaml"]
    assert not run(failback="ramped").of_type(f":{FAILBACK_TRIGGER}")


def test_what_would_be_held_back_comes_before_the_edge(run: Run) -> None:
    """Nobody is there at the edge's first look who is not ready."""
    names = [made.name for made in run(failback="manual").made]
    edge = names.index("corp-edge/tetrate-system/gateway-config")
    for cluster in APPLICATION:
        assert names.index(f"{cluster}/tetrate-system/gateway") < edge
        assert names.index(f"{cluster}/transaction-service/web-portal") < edge


def edge_files(demo: Demo) -> dict[str, str]:
    return demo.of_type("core/v1:ConfigMap")["corp-edge/tetrate-system/gateway-config"]["data"]
