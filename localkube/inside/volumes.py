"""Which PersistentVolumes a cluster is to have. Pure.

A volume is a folder on a node, as with kind's and k3d's local-path-provisioner, given out as
Kubernetes' own type `local`: the scheduler then brings a pod back to the node that has its data.
The protocol with Kubernetes' own controller is that of external provisioners
(kubernetes-sigs/sig-storage-lib-external-provisioner).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]

PROVISIONER = "localkube/local-volume"
"""Value of `provisioner` in a StorageClass that these volumes are for."""

FINALIZER = "localkube/local-volume"
"""Keeps a PersistentVolume until its folder is gone, however it is deleted."""

FOLDER = "/var/lib/localkube/volumes"
"""Where a node has the folders of its volumes."""

ACCESS_MODES = ("ReadWriteOnce", "ReadWriteOncePod")
"""What a folder of one node can serve."""

WANTED_BY = "volume.kubernetes.io/storage-provisioner"
"""Annotation of a claim: Kubernetes' own controller waits for this provisioner."""

SELECTED_NODE = "volume.kubernetes.io/selected-node"
"""Annotation of a claim: the scheduler has chosen this node for its first pod."""

MADE_BY = "pv.kubernetes.io/provisioned-by"
"""Annotation of a volume: this provisioner made it and deletes it."""

NAME = re.compile(r"pvc-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Names of our volumes and of their folders: no other folder is ever removed."""


@dataclass
class VolumePlan:
    """What has to be done."""

    make: list[Object] = field(default_factory=list)
    """Volumes to create, each after its folder."""
    remove: list[Object] = field(default_factory=list)
    """Volumes to delete, each after its folder."""
    release: list[Object] = field(default_factory=list)
    """Volumes that are being deleted and whose folder is to stay."""
    refuse: list[tuple[Object, str]] = field(default_factory=list)
    """Claims that get no volume, and why."""


def decide(
    claims: Sequence[Object],
    volumes: Sequence[Object],
    classes: Sequence[Object],
    nodes: Sequence[str],
) -> VolumePlan:
    """Compare what claims want with the volumes that are there. `nodes`: names, first one first."""
    plan = VolumePlan()
    ours = {
        each["metadata"]["name"]: each for each in classes if each["provisioner"] == PROVISIONER
    }
    known = {each["metadata"]["name"] for each in volumes}
    for claim in claims:
        chosen = ours.get(claim["spec"].get("storageClassName", ""))
        if chosen is None or not is_waiting(claim) or name_for(claim) in known:
            continue
        node = node_for(claim, chosen, nodes)
        if node is None:
            continue
        if reason := obstacle(claim, node, nodes):
            plan.refuse.append((claim, reason))
        else:
            plan.make.append(volume_for(claim, chosen, node))
    for volume in filter(is_ours, volumes):
        deletes = volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
        phase = volume.get("status", {}).get("phase")
        if phase == "Bound":
            continue
        going = "deletionTimestamp" in volume["metadata"]
        if deletes and (going or phase == "Released"):
            plan.remove.append(volume)
        elif going:
            plan.release.append(volume)
    return plan


def is_waiting(claim: Object) -> bool:
    """Return whether a claim waits for a volume of ours."""
    metadata = claim["metadata"]
    return (
        metadata.get("annotations", {}).get(WANTED_BY) == PROVISIONER
        and not claim["spec"].get("volumeName")
        and "deletionTimestamp" not in metadata
    )


def is_ours(volume: Object) -> bool:
    """Return whether a volume was made here and has not been let go."""
    metadata = volume["metadata"]
    return (
        metadata.get("annotations", {}).get(MADE_BY) == PROVISIONER
        and FINALIZER in metadata.get("finalizers", ())
        and NAME.fullmatch(metadata["name"]) is not None
    )


def name_for(claim: Object) -> str:
    """Return the name of a claim's volume, the same at each try."""
    return f"pvc-{claim['metadata']['uid']}"


def node_for(claim: Object, chosen: Object, nodes: Sequence[str]) -> str | None:
    """Return the node for a claim's volume; None while the scheduler has not chosen one.

    Of a class that binds at once, the volume is on the first node, and pods follow it.
    """
    if chosen.get("volumeBindingMode") == "WaitForFirstConsumer":
        node: str | None = claim["metadata"].get("annotations", {}).get(SELECTED_NODE)
        return node
    return nodes[0]


def obstacle(claim: Object, node: str, nodes: Sequence[str]) -> str:
    """Return why a claim cannot have a volume; empty if it can."""
    spec = claim["spec"]
    if others := [mode for mode in spec["accessModes"] if mode not in ACCESS_MODES]:
        known = " and ".join(ACCESS_MODES)
        return f"{others[0]} needs shared storage; {spec['storageClassName']} has {known} only"
    if spec.get("volumeMode", "Filesystem") != "Filesystem":
        return "volumeMode Block: only Filesystem is there"
    if spec.get("selector"):
        return "selector: a volume that is made for a claim has no labels to select by"
    if spec.get("dataSource") or spec.get("dataSourceRef"):
        return "dataSource: a volume begins empty, there are no snapshots and clones"
    if node not in nodes:
        return f"the scheduler chose {node}, which is no node of this cluster"
    return ""


def volume_for(claim: Object, chosen: Object, node: str) -> Object:
    """Build the PersistentVolume for a claim, bound to it from the start."""
    metadata, spec = claim["metadata"], claim["spec"]
    name = name_for(claim)
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": name,
            "annotations": {MADE_BY: PROVISIONER},
            "finalizers": [FINALIZER],
        },
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "volumeMode": "Filesystem",
            "persistentVolumeReclaimPolicy": chosen.get("reclaimPolicy", "Delete"),
            "storageClassName": chosen["metadata"]["name"],
            "mountOptions": chosen.get("mountOptions", []),
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                **{key: metadata[key] for key in ("namespace", "name", "uid")},
            },
            "local": {"path": f"{FOLDER}/{name}"},
            "nodeAffinity": affinity(node),
        },
    }


def affinity(node: str) -> Mapping[str, Any]:
    """Build a volume's nodeAffinity for one node; `node_of` reads it."""
    expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}


def node_of(volume: Object) -> str:
    """Return the node that has a volume of ours."""
    terms = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    return str(terms[0]["matchExpressions"][0]["values"][0])
