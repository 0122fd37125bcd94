"""What is behind a Service: the pod of the workload that it selects, its port and its probe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from foundation.identity import DEFAULT_NAMESPACE

Document = Mapping[str, Any]

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")


def pod_spec(service: Document, documents: Sequence[Document]) -> Mapping[str, Any] | None:
    """Gives the pod of the workload that the Service selects, if the manifest has it."""
    selector = service["spec"]["selector"].items()
    namespace = service["metadata"].get("namespace") or DEFAULT_NAMESPACE
    for document in documents:
        if document.get("kind") not in _WORKLOADS:
            continue
        if (document["metadata"].get("namespace") or DEFAULT_NAMESPACE) != namespace:
            continue
        template = document["spec"]["template"]
        if selector <= (template.get("metadata", {}).get("labels") or {}).items():
            return template["spec"]
    return None


def target_port(port: Mapping[str, Any], pod: Mapping[str, Any] | None) -> int | None:
    """Gives the number of the container's port; None if no container has a port of that name."""
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    for container in (pod or {}).get("containers", []):
        for candidate in container.get("ports", []):
            if candidate.get("name") == target:
                return candidate["containerPort"]
    return None


def readiness_path(
    pod: Mapping[str, Any] | None, target: int, port: Mapping[str, Any]
) -> str | None:
    """Gives the path of the readiness probe on the exposed port, if the workload has one."""
    for container in (pod or {}).get("containers", []):
        probe = container.get("readinessProbe", {}).get("httpGet", {})
        if probe and probe["port"] in (target, port.get("targetPort")):
            return probe.get("path", "/")
    return None
