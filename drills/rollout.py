"""Pods of one workload: which are its own, and whether all that are wanted are ready."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any

from drills.application import ROLLED_OUT, Workload
from drills.stack import Stack
from drills.waiting import until
from toolchain import patience

READY_SECONDS = 120
"""How long pods may take to get ready, on a loaded machine."""

_ON_DELETE = "OnDelete"


def wait_ready(stack: Stack, cluster: str, workload: Workload) -> None:
    """Wait until all pods that are wanted are there and ready. Raises UserError."""
    if workload.kind not in ROLLED_OUT:
        return
    if replaces_no_pod(stack.objects.read(cluster, *workload)):  # kubectl follows no such rollout
        what = f"{cluster}: the pods of {workload.kind} {workload.name} are ready"
        until(lambda: _is_ready(stack, cluster, workload), what, READY_SECONDS)
        return
    which = (f"{workload.kind.lower()}/{workload.name}", "--namespace", workload.namespace)
    limit = patience.of_waits(READY_SECONDS)
    stack.kubectl(cluster, "rollout", "status", *which, limit, seconds=READY_SECONDS + 10)


def replaces_no_pod(found: Mapping[str, Any]) -> bool:
    """Check whether a workload leaves it to others to end pods of an earlier version."""
    return bool((found["spec"].get("updateStrategy") or {}).get("type") == _ON_DELETE)


def ready(found: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many pods of a workload are ready, and how many are wanted."""
    status = found.get("status", {})
    if found["kind"] == "DaemonSet":
        return status.get("numberReady", 0), status.get("desiredNumberScheduled", 0)
    return status.get("readyReplicas", 0), found["spec"].get("replicas", 1)


def _is_ready(stack: Stack, cluster: str, workload: Workload) -> bool:
    there, wanted = ready(stack.objects.read(cluster, *workload))
    return there >= wanted


def own_pods(stack: Stack, cluster: str, workload: Workload, selector: str) -> list[str]:
    """Return names of a workload's pods, those that end included. Raises UserError.

    Others may carry the labels that its Service selects: another version's, a Job's.
    """
    query = urllib.parse.urlencode({"labelSelector": selector})
    path = f"/api/v1/namespaces/{workload.namespace}/pods?{query}"
    pods = stack.objects.ask(cluster, "GET", path)["items"]
    return [pod["metadata"]["name"] for pod in pods if is_of(pod, workload)]


def is_of(pod: Mapping[str, Any], workload: Workload) -> bool:
    """Check whether a workload has made a pod, a Deployment by its ReplicaSets."""
    metadata = pod["metadata"]
    makers = {
        # a ReplicaSet is called as its Deployment, with a hash behind
        Workload("Deployment", metadata["namespace"], owner["name"].rpartition("-")[0])
        if owner["kind"] == "ReplicaSet"
        else Workload(owner["kind"], metadata["namespace"], owner["name"])
        for owner in metadata.get("ownerReferences", [])
    }
    return workload in makers
