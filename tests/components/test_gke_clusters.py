"""Google's clusters and their nodes: every input of them, and who waits for whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from foundation import project
from tests.components.conftest import Run
from tests.support.google import (
    CLUSTER,
    REGIONS,
    pulumi_gcp,  # noqa: F401 - a fixture
)

NODES = "gcp:container/nodePool:NodePool"


def test_the_nodes_account_may_do_what_nodes_do_and_no_more(run_gke: Run) -> None:
    demo = run_gke()
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


def test_a_standard_cluster_has_every_protection_and_no_nodes_of_its_own(run_gke: Run) -> None:
    cluster = run_gke().of_type(CLUSTER)["west-cluster-cluster"]
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


def test_its_nodes_are_shielded_act_for_their_own_account_and_mend_themselves(run_gke: Run) -> None:
    pool = run_gke().of_type(NODES)["west-cluster-nodes"]
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
    run_gke: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, was: str | None, waits: bool
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
    run_gke()
    assert before == ([[], made[:1], made[1:2]] if waits else [[], [], []])
    made.clear()
    before.clear()
    monkeypatch.setattr(project, "own_state", lambda *_: None)  # where nothing is known
    run_gke()
    assert before == [[], made[:1], made[1:2]]


def test_as_many_nodes_at_most_as_at_least_are_a_pool_that_is_not_scaled(run_gke: Run) -> None:
    demo = run_gke(gkeNodes="2", gkeMaxNodes="2", gkeMachineType="n2-standard-4")
    pool = demo.of_type(NODES)["corp-edge-nodes"]
    assert pool["nodeCount"] == 2 and pool["nodeConfig"]["machineType"] == "n2-standard-4"
    assert not {"autoscaling", "initialNodeCount"} & pool.keys()


def test_a_regional_cluster_and_its_nodes_are_in_the_region(run_gke: Run) -> None:
    demo = run_gke(gkeLocation="regional")
    clusters, pools = demo.of_type(CLUSTER), demo.of_type(NODES)
    for name, region in REGIONS.items():
        assert clusters[f"{name}-cluster"]["location"] == region
        assert pools[f"{name}-nodes"]["location"] == region


def test_autopilot_has_the_account_and_nothing_that_google_refuses_beside_it(run_gke: Run) -> None:
    demo = run_gke(gkeMode="autopilot")
    assert demo.of_type(NODES) == {}
    cluster = demo.of_type(CLUSTER)["east-cluster-cluster"]
    assert cluster["enableAutopilot"] is True and cluster["location"] == "us-east1"
    defaults = cluster["clusterAutoscaling"]["autoProvisioningDefaults"]
    assert defaults["serviceAccount"] == "nodes@example.com"
    assert cluster["privateClusterConfig"]["enablePrivateNodes"] is True
    refused = {"removeDefaultNodePool", "enableShieldedNodes", "initialNodeCount", "nodeConfig"}
    assert not refused & cluster.keys()


def test_channel_networks_protection_and_labels_are_those_of_the_settings(run_gke: Run) -> None:
    demo = run_gke(
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
