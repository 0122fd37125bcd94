"""Conditions of nodes, other than Ready, that say what a node is short of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from localkube.diagnosis import Finding


def judge(nodes: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Return a finding for each condition such as DiskPressure that holds of a node. Pure."""
    return [
        Finding(
            f"node {node['metadata']['name']} has {condition['type']}:"
            f" {condition.get('message', 'the kubelet gives no reason')}",
            f"kubectl describe node {node['metadata']['name']} says since when",
        )
        for node in nodes
        for condition in node.get("status", {}).get("conditions", [])
        if condition["type"] != "Ready" and condition["status"] == "True"
    ]
