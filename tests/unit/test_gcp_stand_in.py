"""The stand-in for Google's provider: what it takes, what it refuses. Tests rest on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.gcp import cloud as stand_in
from tests.support.gcp import sdk, setup
from tests.support.gcp.cloud import NETWORK, SERVICE, SUBNETWORK, Cloud, Refused
from tests.support.google import pulumi_gcp  # noqa: F401 - a fixture


def wrong(token: str, **inputs: Any) -> list[str]:
    return [f"{where} {why}" for where, why in sdk.wrong(inputs, sdk.of(token))]


@pytest.mark.usefixtures("pulumi_gcp")
def test_inputs_are_checked_by_name_need_and_kind_to_the_bottom() -> None:
    assert wrong(NETWORK, name="a", autoCreateSubnetworks=False) == []
    assert wrong(NETWORK, nme="a") == ["nme is not an input of NetworkArgs"]
    assert wrong(SUBNETWORK) == ["network is required"]
    assert wrong(NETWORK, mtu="big") == ["mtu must be of type int, is 'big'"]
    assert wrong(NETWORK, mtu=1.5) == ["mtu must be of type int, is 1.5"]
    ranges: list[Any] = [{"rangeName": "pods", "ipCidrRange": 7}, {"name": "x"}, "y"]
    said = wrong(SUBNETWORK, network="n", secondaryIpRanges=ranges)
    assert said[0] == "secondaryIpRanges[0].ipCidrRange must be of type str, is 7"
    assert "secondaryIpRanges[1].rangeName is required" in said
    assert said[-1] == "secondaryIpRanges[2] must be a SubnetworkSecondaryIpRangeArgs"
    assert wrong(SUBNETWORK, network=sdk.UNKNOWN) == []
    with pytest.raises(LookupError, match="no resource gcp:compute/netwrk:Netwrk"):
        sdk.of("gcp:compute/netwrk:Netwrk")


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    setup.prepare(tmp_path / "google", 0, {})
    made = Cloud(tmp_path / "google")
    made.project = "my-demo-1"
    return made


def subnetwork(network: str, nodes: str, pods: str) -> dict[str, Any]:
    ranges = [{"rangeName": "pods", "ipCidrRange": pods}]
    name = f"subnetwork-{nodes.partition('/')[0]}"
    return {
        "name": name,
        "region": "us-east1",
        "network": network,
        "ipCidrRange": nodes,
        "secondaryIpRanges": ranges,
    }


def test_a_resource_needs_its_api_and_what_it_refers_to(cloud: Cloud) -> None:
    with pytest.raises(Refused, match=r"403: compute.googleapis.com is not enabled"):
        cloud.create(NETWORK, {"name": "one"})
    cloud.create(SERVICE, {"service": "compute.googleapis.com"})
    network = cloud.create(NETWORK, {"name": "one"})
    with pytest.raises(Refused, match=r"409: .* exists already"):
        cloud.create(NETWORK, {"name": "one"})
    with pytest.raises(Refused, match=r"404: there is no .*Network whose selfLink is other"):
        cloud.create(SUBNETWORK, subnetwork("other", "10.0.0.0/20", "10.1.0.0/16"))
    link = network["outputs"]["selfLink"]
    made = cloud.create(SUBNETWORK, subnetwork(link, "10.0.0.0/20", "10.1.0.0/16"))
    with pytest.raises(Refused, match="overlaps another range"):
        cloud.create(SUBNETWORK, subnetwork(link, "10.2.0.0/20", "10.1.128.0/17"))
    with pytest.raises(Refused, match=r"cannot be deleted: .*subnetwork.* uses it"):
        cloud.delete(network["id"])
    cloud.delete(made["id"])
    cloud.delete(network["id"])
    assert [each["type"] for each in cloud.objects()] == [SERVICE]


def test_nodes_and_clusters_stay_while_a_load_balancer_is_left(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    services: list[dict[str, Any]] = [
        {"metadata": {"namespace": "a", "name": "b"}, "spec": {"type": "LoadBalancer"}}
    ]

    class Cluster:
        def __init__(self, *_: Any, **__: Any) -> None: ...

        def call(self, *_: str) -> dict[str, Any]:
            return {"items": services}

    monkeypatch.setattr(stand_in, "Api", Cluster)
    monkeypatch.setattr(stand_in.pki, "user_kubeconfig", lambda spec: "")
    monkeypatch.setattr(Cloud, "_spec", lambda self, name: name)
    deleted: list[Any] = []
    monkeypatch.setattr(stand_in.localkube, "delete", deleted.append)
    inputs = {"name": "c", "cluster": "c"}
    for kind, more in ((stand_in.NODES, {}), (stand_in.CLUSTER, {"deletionProtection": False})):
        made = {"type": kind, "id": kind, "inputs": inputs, "outputs": {**inputs, **more}}
        cloud._write(made)
        with pytest.raises(Refused, match="a forwarding rule is left of a/b"):
            cloud.delete(kind)
    services.clear()
    cloud.update(stand_in.CLUSTER, {"deletionProtection": True, "name": "c"})
    with pytest.raises(Refused, match="it has deletionProtection"):
        cloud.delete(stand_in.CLUSTER)
    cloud.update(stand_in.CLUSTER, {"deletionProtection": False, "name": "c"})
    cloud.delete(stand_in.NODES)
    cloud.delete(stand_in.CLUSTER)
    assert deleted == ["c"] and cloud.objects() == []
