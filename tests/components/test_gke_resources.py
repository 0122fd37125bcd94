"""What backend gke registers with Google Cloud: every input of every resource, and who waits."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.backends import choice, gke
from components.settings.model import read
from foundation import project
from foundation.errors import UserError
from tests.components.conftest import (
    ALL,
    APPLICATION,
    PROJECT,
    ROOT,
    Demo,
    Run,
    secret_value,
    value,
)
from tests.support.google import pulumi_gcp  # noqa: F401 - a fixture
from toolchain import gcp as package

REGIONS = {"corp-edge": "us-central1", "east-cluster": "us-east1", "west-cluster": "us-west1"}
CLUSTER, NODES = "gcp:container/cluster:Cluster", "gcp:container/nodePool:NodePool"


@pytest.fixture
def up(
    run: Run,
    pulumi_gcp: None,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Runs the program with backend gke and what it needs of the machine."""
    monkeypatch.setattr(package, "plugin_is_missing", lambda env: False)
    monkeypatch.setattr(gke.GkeBackend, "check", lambda self: None)
    return lambda **settings: run(**{"backend": "gke", "gkeProject": "my-demo-1", **settings})


def google(demo: Demo) -> list[Any]:
    """All resources of Google's."""
    return [made for made in demo.made if made.typ.startswith("gcp:")]


def test_every_resource_of_googles_is_in_the_one_explicit_provider(up: Run) -> None:
    demo = up()
    assert demo.of_type("pulumi:providers:gcp") == {"google-cloud": {"project": "my-demo-1"}}
    assert len(google(demo)) == 4 + 1 + 1 + 5 + 3 * (1 + 2 + 1 + 1)
    for made in google(demo):
        assert "pulumi:providers:gcp::google-cloud" in made.provider, made.name


def test_every_kubernetes_object_is_in_its_clusters_provider(up: Run) -> None:
    demo = up()
    for made in demo.objects:
        assert demo.cluster_of(made) in ALL and made.name.startswith(demo.cluster_of(made))
    assert demo.of_type("localkube:Cluster") == {}


def test_the_apis_are_switched_on_and_never_off(up: Run) -> None:
    services = up().of_type("projects/service:Service")
    assert {s["service"].removesuffix(".googleapis.com") for s in services.values()} == {
        "cloudresourcemanager", "compute", "container", "iam",
    }  # fmt: skip
    assert {s["disableOnDestroy"] for s in services.values()} == {False}


def test_one_network_with_a_subnetwork_for_each_cluster(up: Run) -> None:
    demo = up()
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


def test_private_nodes_reach_the_internet_by_one_nat_a_region(up: Run) -> None:
    clusters = [{"name": n, "region": "us-east1"} for n in ("one", "two")]
    demo = up(clusters=clusters)
    assert demo.of_type("compute/router:Router").keys() == {"us-east1-router", "us-central1-router"}
    assert demo.of_type("compute/routerNat:RouterNat")["us-east1-nat"] == {
        "name": "resiliency-west-us-east1",
        "region": "us-east1",
        "router": "resiliency-west-us-east1",
        "natIpAllocateOption": "AUTO_ONLY",
        "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES",
    }


def test_a_cluster_behind_one_that_goes_keeps_its_ranges(
    up: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kind, state = "gcp:compute/subnetwork:Subnetwork", tmp_path / "west.json"
    before = up().of_type(kind)
    made = [{"type": kind, "urn": f"u::{name}", "inputs": i} for name, i in before.items()]
    state.write_text(json.dumps({"checkpoint": {"latest": {"resources": made}}}))
    monkeypatch.setattr(gke.project, "own_state", lambda *_: state)
    after = up(clusters=[{"name": "west-cluster", "region": "us-west1"}]).of_type(kind)
    del before["east-cluster-subnetwork"]
    assert after == before


def test_public_nodes_need_no_nat(up: Run) -> None:
    demo = up(gkePrivateNodes="false")
    assert demo.of_type("compute/router:Router") == demo.of_type("routerNat:RouterNat") == {}
    assert "privateClusterConfig" not in demo.of_type(CLUSTER)["corp-edge-cluster"]


def test_the_nodes_account_may_do_what_nodes_do_and_no_more(up: Run) -> None:
    demo = up()
    assert demo.of_type("serviceaccount/account:Account")["google-cloud-nodes"] == {
        "accountId": "gke-nodes-west",
        "displayName": "Nodes of the clusters of stack west",
    }
    members = demo.of_type("projects/iAMMember:IAMMember").values()
    assert {m["role"].removeprefix("roles/") for m in members} == {
        "artifactregistry.reader", "logging.logWriter", "monitoring.metricWriter",
        "monitoring.viewer", "stackdriver.resourceMetadata.writer",
    }  # fmt: skip
    assert {(m["project"], m["member"]) for m in members} == {
        ("my-demo-1", "serviceAccount:nodes@example.com")
    }


def test_a_standard_cluster_has_every_protection_and_no_nodes_of_its_own(up: Run) -> None:
    cluster = up().of_type(CLUSTER)["west-cluster-cluster"]
    assert cluster == {
        "name": "west-cluster-west",
        "location": "us-west1-b",
        "network": "link to google-cloud-network",
        "subnetwork": "link to west-cluster-subnetwork",
        "networkingMode": "VPC_NATIVE",
        "ipAllocationPolicy": {
            "clusterSecondaryRangeName": "pods",
            "servicesSecondaryRangeName": "services",
        },
        "releaseChannel": {"channel": "REGULAR"},
        "deletionProtection": False,
        "resourceLabels": {"managed-by": "pulumi", "stack": "west"},
        "privateClusterConfig": {
            "enablePrivateNodes": True,
            "enablePrivateEndpoint": False,
            "masterIpv4CidrBlock": "172.16.0.32/28",
        },
        "removeDefaultNodePool": True,
        "initialNodeCount": 1,
        "enableShieldedNodes": True,
        "datapathProvider": "ADVANCED_DATAPATH",
        "workloadIdentityConfig": {"workloadPool": "my-demo-1.svc.id.goog"},
    }


def test_its_nodes_are_shielded_act_for_their_own_account_and_mend_themselves(up: Run) -> None:
    pool = up().of_type(NODES)["west-cluster-nodes"]
    scopes = pool["nodeConfig"].pop("oauthScopes")
    assert {scope.rpartition("/")[2] for scope in scopes} == {
        "devstorage.read_only", "logging.write", "monitoring",
    }  # fmt: skip
    assert pool == {
        "name": "nodes",
        "cluster": "west-cluster-west",
        "location": "us-west1-b",
        "initialNodeCount": 1,
        "autoscaling": {"minNodeCount": 1, "maxNodeCount": 3},
        "management": {"autoRepair": True, "autoUpgrade": True},
        "nodeConfig": {
            "machineType": "e2-standard-2",
            "diskSizeGb": 50,
            "diskType": "pd-balanced",
            "serviceAccount": "nodes@example.com",
            "shieldedInstanceConfig": {
                "enableSecureBoot": True,
                "enableIntegrityMonitoring": True,
            },
            "workloadMetadataConfig": {"mode": "GKE_METADATA"},
        },
    }


@pytest.mark.parametrize(
    ("was", "waits"), [(None, False), ("e2-standard-2", False), ("e2-medium", True)]
)
def test_nodes_move_to_other_machines_in_one_cluster_after_another(
    up: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, was: str | None, waits: bool
) -> None:
    from components.backends import gke_cluster

    made: list[Any] = []
    before: list[list[Any]] = []

    class NodePool(gke_cluster.NodePool):
        def __init__(self, key: str, opts: pulumi.ResourceOptions, **inputs: Any) -> None:
            before.append([each for each in opts.depends_on or [] if each in made])
            super().__init__(key, opts=opts, **inputs)
            made.append(self)

    pool = {
        "type": NODES,
        "urn": f"urn::{NODES}::east-cluster-nodes",
        "inputs": {"nodeConfig": {"machineType": was}},
    }
    state = tmp_path / "west.json"
    state.write_text(json.dumps({"checkpoint": {"latest": {"resources": [pool] if was else []}}}))
    monkeypatch.setattr(project, "own_state", lambda *_: state)
    monkeypatch.setattr(gke_cluster, "NodePool", NodePool)
    up()
    assert before == ([[], made[:1], made[1:2]] if waits else [[], [], []])
    made.clear()
    before.clear()
    monkeypatch.setattr(project, "own_state", lambda *_: None)  # where nothing is known
    up()
    assert before == [[], made[:1], made[1:2]]


def test_as_many_nodes_at_most_as_at_least_are_a_pool_that_is_not_scaled(up: Run) -> None:
    demo = up(gkeNodes="2", gkeMaxNodes="2", gkeMachineType="n2-standard-4")
    pool = demo.of_type(NODES)["corp-edge-nodes"]
    assert pool["nodeCount"] == 2 and pool["nodeConfig"]["machineType"] == "n2-standard-4"
    assert not {"autoscaling", "initialNodeCount"} & pool.keys()


def test_a_regional_cluster_and_its_nodes_are_in_the_region(up: Run) -> None:
    demo = up(gkeLocation="regional")
    clusters, pools = demo.of_type(CLUSTER), demo.of_type(NODES)
    for name, region in REGIONS.items():
        assert clusters[f"{name}-cluster"]["location"] == region
        assert pools[f"{name}-nodes"]["location"] == region


def test_autopilot_has_the_account_and_nothing_that_google_refuses_beside_it(up: Run) -> None:
    demo = up(gkeMode="autopilot")
    assert demo.of_type(NODES) == {}
    cluster = demo.of_type(CLUSTER)["east-cluster-cluster"]
    assert cluster["enableAutopilot"] is True and cluster["location"] == "us-east1"
    defaults = cluster["clusterAutoscaling"]["autoProvisioningDefaults"]
    assert defaults["serviceAccount"] == "nodes@example.com"
    assert cluster["privateClusterConfig"]["enablePrivateNodes"] is True
    refused = {"removeDefaultNodePool", "enableShieldedNodes", "initialNodeCount", "nodeConfig"}
    assert not refused & cluster.keys()


def test_channel_networks_protection_and_labels_are_those_of_the_settings(up: Run) -> None:
    demo = up(
        gkeReleaseChannel="none",
        gkeAuthorizedNetworks=["203.0.113.0/24", "198.51.100.7/32"],
        gkeDeletionProtection="true",
        gkeLabels=["team=payments"],
    )
    for cluster in demo.of_type(CLUSTER).values():
        assert cluster["releaseChannel"] == {"channel": "UNSPECIFIED"}
        blocks = cluster["masterAuthorizedNetworksConfig"]["cidrBlocks"]
        assert [b["cidrBlock"] for b in blocks] == ["203.0.113.0/24", "198.51.100.7/32"]
        assert cluster["deletionProtection"] is True
        assert cluster["resourceLabels"]["team"] == "payments"


def test_the_kubeconfig_asks_googles_plugin_and_holds_no_secret_of_ours(up: Run) -> None:
    demo = up()
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
    up: Run,
) -> None:
    def identities(**settings: str) -> dict[str, str]:
        providers = up(**settings).of_type("pulumi:providers:kubernetes")
        return {name: inputs["clusterIdentifier"] for name, inputs in providers.items()}

    first = identities()
    assert len(set(first.values())) == 3
    assert identities(gkeMachineType="e2-standard-4", gkeMaxNodes="5", lbMode="standby") == first
    assert not set(identities(gkeLocation="regional").values()) & set(first.values())
    assert not set(identities(gkeMode="autopilot").values()) & set(first.values())


def test_only_the_edge_has_an_address_in_the_internet(up: Run) -> None:
    services = up().of_type("core/v1:Service")
    kind = "networking.gke.io/load-balancer-type"
    everywhere = "networking.gke.io/internal-load-balancer-allow-global-access"
    for name in APPLICATION:
        service = services[f"{name}/tetrate-system/gateway"]
        assert service["spec"]["type"] == "LoadBalancer"
        notes = service["metadata"]["annotations"]
        assert (notes[kind], notes[everywhere]) == ("Internal", "true")
    assert kind not in services["corp-edge/tetrate-system/gateway"]["metadata"]["annotations"]


def test_the_edges_url_is_its_load_balancers_address_or_what_the_settings_say(up: Run) -> None:
    assert value(up().outputs["url"]) == "https://corp-edge.example.com/web-portal"
    demo = up(edgeAddress="bank.example.com:8443")
    assert value(demo.outputs["url"]) == "https://bank.example.com:8443/web-portal"
    names = demo.of_type("pki:Certificate")["corp-edge-online-banking-certs"]["names"]
    assert names == ["online-banking.dynabank.com", "bank.example.com"]


def test_clusters_of_other_backends_get_no_annotations_of_googles(run: Run) -> None:
    services = run().of_type("core/v1:Service")
    assert not [n for s in services.values() for n in s["metadata"]["annotations"] if "gke" in n]


def test_other_backends_do_not_see_pulumi_gcp(run: Run) -> None:
    before = str(package.FOLDER) in sys.path
    run()
    assert (str(package.FOLDER) in sys.path) == before


def test_without_pulumi_gcp_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {f"{PROJECT}:backend": "gke", f"{PROJECT}:gkeProject": "my-demo-1"}
    settings = read(given, "west", ROOT)
    monkeypatch.setattr(package, "is_ready", lambda: False)
    with pytest.raises(UserError, match=r"needs pulumi-gcp .*: python -m pip install --no-deps"):
        choice.of(settings)
    monkeypatch.setattr(package, "is_ready", lambda: True)
    monkeypatch.setattr(package, "plugin_is_missing", lambda env: True)
    with pytest.raises(UserError, match=r"is missing.*: ./demo pulumi plugin install resource gcp"):
        choice.of(settings)


def test_what_the_machine_lacks_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = object.__new__(gke.GkeBackend)
    for key in ("GOOGLE_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_CONFIG"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    key = tmp_path / "key.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    with pytest.raises(UserError, match="no Google credentials: gcloud auth application-default"):
        backend.check()
    key.write_text("{}")
    with pytest.raises(UserError, match=r"gke-gcloud-auth-plugin is not on PATH; .* install gke"):
        backend.check()
    plugin = tmp_path / "gke-gcloud-auth-plugin"
    plugin.write_text("#!/bin/sh\n")
    plugin.chmod(0o700)
    backend.check()


def test_credentials_are_looked_for_where_google_looks(tmp_path: Path) -> None:
    machine, other = tmp_path / "product", tmp_path / "other"
    machine.write_text("Google Compute Engine\n")
    assert not gke.has_credentials({"HOME": str(tmp_path)}, other)
    assert gke.has_credentials({"HOME": str(tmp_path)}, machine)
    assert gke.has_credentials({"GOOGLE_CREDENTIALS": "{}"}, other)
    folder = tmp_path / ".config" / "gcloud"
    folder.mkdir(parents=True)
    (folder / "application_default_credentials.json").write_text("{}")
    assert gke.has_credentials({"HOME": str(tmp_path)}, other)
    assert gke.has_credentials({"CLOUDSDK_CONFIG": str(folder)}, other)
    assert not gke.has_credentials(
        {"HOME": str(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": "/nowhere"}, other
    )
