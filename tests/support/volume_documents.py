"""Claims, classes and volumes as an API server keeps them."""

from __future__ import annotations

from typing import Any

from localkube.inside import volumes
from localkube.inside.volumes import PROVISIONER, volume_for

NODES = ["east-1", "east-2"]
UID = "0f0f0f0f-1111-2222-3333-444444444444"
NAME = f"pvc-{UID}"


def a_class(**fields: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "standard"},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
        **fields,
    }


def a_claim(uid: str = UID, node: str | None = "east-2", **fields: Any) -> dict[str, Any]:
    annotations = {volumes.WANTED_BY: PROVISIONER}
    if node:
        annotations[volumes.SELECTED_NODE] = node
    return {
        "metadata": {"namespace": "shop", "name": "data", "uid": uid, "annotations": annotations},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": "standard",
            "volumeMode": "Filesystem",
            **fields,
        },
    }


def a_volume(phase: str, policy: str = "Delete", going: bool = False) -> dict[str, Any]:
    volume = volume_for(a_claim(), a_class(reclaimPolicy=policy), "east-2")
    volume["status"] = {"phase": phase}
    if going:
        volume["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return volume
