"""Which claims get a volume, and which volumes go: pure functions."""

from __future__ import annotations

from typing import Any

import pytest

from localkube.addons import addons
from localkube.inside import volumes
from localkube.inside.volumes import FINALIZER, VolumePlan, decide, node_of
from tests.support.volume_documents import NAME, NODES, UID, a_claim, a_class, a_volume


def planned(*claims: dict[str, Any], of: dict[str, Any] | None = None) -> VolumePlan:
    return decide(claims, [], [of or a_class()], NODES)


def test_a_claim_gets_a_volume_on_the_node_that_was_chosen_for_its_pod() -> None:
    plan = planned(a_claim())
    assert [node_of(volume) for volume in plan.make] == ["east-2"]
    volume = plan.make[0]
    assert volume["metadata"]["name"] == NAME
    assert volume["spec"]["capacity"] == {"storage": "1Gi"}
    assert volume["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert volume["spec"]["claimRef"]["uid"] == UID
    assert volume["spec"]["local"] == {"path": f"{volumes.FOLDER}/{NAME}"}
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"


def test_a_claim_without_a_pod_waits() -> None:
    assert planned(a_claim(node=None)) == VolumePlan()


def test_a_class_that_binds_at_once_does_not_wait() -> None:
    plan = planned(a_claim(node=None), of=a_class(volumeBindingMode="Immediate"))
    assert [node_of(volume) for volume in plan.make] == ["east-1"]


def test_a_class_may_keep_volumes() -> None:
    plan = planned(a_claim(), of=a_class(reclaimPolicy="Retain"))
    assert plan.make[0]["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


def test_other_classes_claims_are_left_alone() -> None:
    assert planned(a_claim(), of=a_class(provisioner="example.com/other")) == VolumePlan()
    assert planned(a_claim(storageClassName="other")) == VolumePlan()
    other = a_claim()
    other["metadata"]["annotations"][volumes.WANTED_BY] = "example.com/other"
    assert planned(other) == VolumePlan()
    static = a_claim()
    del static["spec"]["storageClassName"]
    assert planned(static) == VolumePlan()


def test_a_claim_that_is_bound_or_going_gets_nothing() -> None:
    assert planned(a_claim(volumeName="mine")) == VolumePlan()
    going = a_claim()
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert planned(going) == VolumePlan()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"accessModes": ["ReadWriteMany"]}, "ReadWriteMany needs shared storage"),
        ({"accessModes": ["ReadWriteOnce", "ReadOnlyMany"]}, "ReadOnlyMany needs shared storage"),
        ({"volumeMode": "Block"}, "volumeMode Block"),
        ({"selector": {"matchLabels": {"a": "b"}}}, "selector"),
        ({"dataSource": {"kind": "VolumeSnapshot", "name": "a"}}, "dataSource"),
        ({"dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "a"}}, "dataSource"),
    ],
)
def test_what_a_folder_cannot_be_is_refused_with_the_reason(
    fields: dict[str, Any], reason: str
) -> None:
    plan = planned(a_claim(**fields))
    assert plan.make == []
    assert plan.refuse[0][1].startswith(reason)


@pytest.mark.parametrize("node", ["../../etc", "west-1", ""])
def test_only_nodes_of_the_cluster_have_volumes(node: str) -> None:
    claim = a_claim()
    claim["metadata"]["annotations"][volumes.SELECTED_NODE] = node
    plan = planned(claim)
    assert plan.make == [] and len(plan.refuse) == 1


@pytest.mark.parametrize(
    ("volume", "todo"),
    [
        (a_volume("Pending"), None),
        (a_volume("Available"), None),
        (a_volume("Bound"), None),
        (a_volume("Bound", going=True), None),  # its claim's pods still use it
        (a_volume("Released"), "remove"),
        (a_volume("Released", going=True), "remove"),
        (a_volume("Available", going=True), "remove"),
        (a_volume("Released", policy="Retain"), None),
        (a_volume("Bound", policy="Retain", going=True), None),
        (a_volume("Released", policy="Retain", going=True), "release"),
    ],
)
def test_a_volume_goes_when_its_claim_has_gone(volume: dict[str, Any], todo: str | None) -> None:
    plan = decide([], [volume], [], NODES)
    assert plan == VolumePlan(**({todo: [volume]} if todo else {}))


@pytest.mark.parametrize("name", ["..", "pvc-..", f"../{NAME}", "data", f"{NAME}/.."])
def test_a_folder_that_is_no_volumes_is_never_removed(name: str) -> None:
    volume = a_volume("Released", going=True)
    volume["metadata"]["name"] = name
    assert decide([], [volume], [], NODES) == VolumePlan()


def test_another_provisioners_volume_is_left_alone() -> None:
    volume = a_volume("Released")
    volume["metadata"]["annotations"][volumes.MADE_BY] = "example.com/other"
    assert decide([], [volume], [], NODES) == VolumePlan()


def test_the_class_is_the_default_and_ours() -> None:
    found = [each for each in addons(0) if each["kind"] == "StorageClass"]
    assert [each["metadata"]["name"] for each in found] == ["standard"]
    key = "storageclass.kubernetes.io/is-default-class"
    assert found[0]["metadata"]["annotations"][key] == "true"
    assert planned(a_claim(), of=found[0]).make


def test_a_volume_of_ours_has_the_finalizer_that_it_is_known_by() -> None:
    volume = a_volume("Released")
    volume["metadata"]["finalizers"].remove(FINALIZER)
    assert decide([], [volume], [], NODES) == VolumePlan()
