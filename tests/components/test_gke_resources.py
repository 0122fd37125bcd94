"""What backend gke registers around its clusters: APIs, networks, access, the edge's address."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.backends import gke
from tests.components.conftest import ALL, APPLICATION, Demo, Run, secret_value, value
from tests.support.google import (
    CLUSTER,
    REGIONS,
    pulumi_gcp,  # noqa: F401 - a fixture
)


def google(demo: Demo) -> list[Any]:
    """All resources of Google's."""
    return [made for made in demo.made if made.typ.startswith("gcp:")]


def test_every_resource_of_googles_is_in_the_one_explicit_provider(run_gke: Run) -> None:
    demo = run_gke()
    assert demo.of_type("pulumi:providers:gcp") == {"google-cloud": {"project": "my-demo-1"}}
    assert len(google(demo)) == 4 + 1 + 1 + 5 + 3 * (1 + 2 + 1 + 1)
    for made in google(demo):
        assert "pulumi:providers:gcp::google-cloud" in made.provider, made.name


def test_every_kubernetes_object_is_in_its_clusters_provider(run_gke: Run) -> None:
    demo = run_gke()
    for made in demo.objects:
        assert demo.cluster_of(made) in ALL and made.name.startswith(demo.cluster_of(made))
    assert demo.of_type("localkube:Cluster") == {}


def test_the_apis_are_switched_on_and_never_off(run_gke: Run) -> None:
    services = run_gke().of_type("projects/service:Service")
    assert {s["service"].removesuffix(".googleapis.com") for s in services.values()} == {
        "cloudresourcemanager", "compute", "container", "iam",
    }  # fmt: skip
    assert {s["disableOnDestroy"] for s in services.values()} == {False}


def test_one_network_with_a_subnetwork_for_each_cluster(run_gke: Run) -> None:
    demo = run_gke()
    assert demo.of_type("compute/network:Network") == {
        "google-cloud-network": {
            "name": "resiliency-west",
            "autoCreateSubnetworks": False,
            "routingMode": "GLOBAL",
        }
    }
    subnetworks = demo.of_type("compute/subnetwork:Subnetwork")
    assert subnetworks["east-cluster-subnetwork"] == {
        "name": "east-cluster-west",
        "region": "us-east1",
        "network": "link to google-cloud-network",
        "ipCidrRange": "10.64.16.0/20",
        "secondaryIpRanges": [
            {"rangeName": "pods", "ipCidrRange": "10.81.0.0/16"},
            {"rangeName": "services", "ipCidrRange": "10.96.16.0/20"},
        ],
        "privateIpGoogleAccess": True,
    }
    regions = {name.removesuffix("-subnetwork"): s["region"] for name, s in subnetworks.items()}
    assert regions == REGIONS


def test_private_nodes_reach_the_internet_by_one_nat_a_region(run_gke: Run) -> None:
    clusters = [{"name": n, "region": "us-east1"} for n in ("one", "two")]
    demo = run_gke(clusters=clusters)
    assert demo.of_type("compute/router:Router").keys() == {"us-east1-router", "us-central1-router"}
    assert demo.of_type("compute/routerNat:RouterNat")["us-east1-nat"] == {
        "name": "resiliency-west-us-east1",
        "region": "us-east1",
        "router": "resiliency-west-us-east1",
        "natIpAllocateOption": "AUTO_ONLY",
        "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES",
    }


def test_a_cluster_behind_one_that_goes_keeps_its_ranges(
    run_gke: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kind, state = "gcp:compute/subnetwork:Subnetwork", tmp_path / "west.json"
    before = run_gke().of_type(kind)
    made = [{"type": kind, "urn": f"u::{name}", "inputs": i} for name, i in before.items()]
    state.write_text(json.dumps({"checkpoint": {"latest": {"resources": made}}}))
    monkeypatch.setattr(gke.project, "own_state", lambda *_: state)
    after = run_gke(clusters=[{"name": "west-cluster", "region": "us-west1"}]).of_type(kind)
    del before["east-cluster-subnetwork"]
    assert after == before


def test_public_nodes_need_no_nat(run_gke: Run) -> None:
    demo = run_gke(gkePrivateNodes="false")
    assert demo.of_type("compute/router:Router") == demo.of_type("routerNat:RouterNat") == {}
    assert "privateClusterConfig" not in demo.of_type(CLUSTER)["corp-edge-cluster"]


def test_the_kubeconfig_asks_googles_plugin_and_holds_no_secret_of_ours(run_gke: Run) -> None:
    demo = run_gke()
    for name, provider in demo.of_type("pulumi:providers:kubernetes").items():
        config = json.loads(secret_value(provider["kubeconfig"]))
        assert config["clusters"][0]["cluster"] == {
            "server": f"https://{name}-cluster.example.com",
            "certificate-authority-data": f"authority of {name}-cluster",
        }
        assert config["users"][0]["user"]["exec"] == {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "gke-gcloud-auth-plugin",
            "installHint": "gcloud components install gke-gcloud-auth-plugin",
            "provideClusterInfo": True,
            "interactiveMode": "IfAvailable",
        }
        assert config["current-context"] == name
        assert provider["upsertExistingObjects"] == "true"


def test_what_identifies_a_cluster_changes_with_what_replaces_it_and_with_nothing_else(
    run_gke: Run,
) -> None:
    def identities(**settings: str) -> dict[str, str]:
        providers = run_gke(**settings).of_type("pulumi:providers:kubernetes")
        return {name: inputs["clusterIdentifier"] for name, inputs in providers.items()}

    first = identities()
    assert len(set(first.values())) == 3
    assert identities(gkeMachineType="e2-standard-4", gkeMaxNodes="5", lbMode="standby") == first
    assert not set(identities(gkeLocation="regional").values()) & set(first.values())
    assert not set(identities(gkeMode="autopilot").values()) & set(first.values())


def test_only_the_edge_has_an_address_in_the_internet(run_gke: Run) -> None:
    services = run_gke().of_type("core/v1:Service")
    kind = "networking.gke.io/load-balancer-type"
    everywhere = "networking.gke.io/internal-load-balancer-allow-global-access"
    for name in APPLICATION:
        service = services[f"{name}/tetrate-system/gateway"]
        assert service["spec"]["type"] == "LoadBalancer"
        notes = service["metadata"]["annotations"]
        assert (notes[kind], notes[everywhere]) == ("Internal", "true")
    assert kind not in services["corp-edge/tetrate-system/gateway"]["metadata"]["annotations"]


def test_the_edges_url_is_its_load_balancers_address_or_what_the_settings_say(run_gke: Run) -> None:
    assert value(run_gke().outputs["url"]) == "https://corp-edge.example.com/web-portal"
    demo = run_gke(edgeAddress="bank.example.com:8443")
    assert value(demo.outputs["url"]) == "https://bank.example.com:8443/web-portal"
    names = demo.of_type("pki:Certificate")["corp-edge-online-banking-certs"]["names"]
    assert names == ["online-banking.dynabank.com", "bank.example.com"]


def test_clusters_of_other_backends_get_no_annotations_of_googles(run: Run) -> None:
    services = run().of_type("core/v1:Service")
    assert not [n for s in services.values() for n in s["metadata"]["annotations"] if "gke" in n]
