"""Conditions of nodes: what a node is short of, and why it is not Ready."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from localkube.diagnosis import Finding

_READY = "Ready"


def judge(nodes: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Return a finding for each condition such as DiskPressure that holds of a node. Pure.

    Of Ready it is the other way round: there is one where it does not hold.
    """
    return [
        Finding(
            f"node {node['metadata']['name']} {_has(condition['type'])}:"
            f" {condition.get('message', 'the kubelet gives no reason')}",
            f"kubectl describe node {node['metadata']['name']} says since when",
        )
        for node in nodes
        for condition in node.get("status", {}).get("conditions", [])
        if (condition["type"] == _READY) != (condition["status"] == "True")
    ]


def _has(condition: str) -> str:
    return "is not Ready" if condition == _READY else f"has {condition}"
