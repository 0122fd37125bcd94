"""What an exposed Service becomes in a cluster: it carries a weight, and has a headless twin."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from typing import Any

from components.routing.annotations import PREFIX
from foundation.contract import EDGE_CLUSTER

Document = Mapping[str, Any]


def with_weight(service: Document, weight: int | None) -> dict[str, Any]:
    """Return a copy of the Service document that carries its cluster's edge weight.

    Sets `gateway.tetrate.io/edge-clusters` to the edge's cluster and the weight, or to the edge's
    cluster alone when `weight` is None.
    """
    result = copy.deepcopy(dict(service))
    notes = result["metadata"].setdefault("annotations", {})
    notes.pop(f"{PREFIX}edge-cluster", None)
    notes[f"{PREFIX}edge-clusters"] = EDGE_CLUSTER if weight is None else f"{EDGE_CLUSTER}:{weight}"
    return result


def headless(service: Document) -> dict[str, Any]:
    """Return the headless twin of the Service document, named by `twin_name`.

    The cluster's gateway resolves it to the addresses of the ready pods.
    """
    metadata, spec = service["metadata"], service["spec"]
    twin: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": twin_name(metadata["name"])},
        "spec": {
            "clusterIP": "None",
            "selector": dict(spec["selector"]),
            "ports": [
                {
                    key: port[key]
                    for key in ("name", "port", "targetPort", "protocol")
                    if key in port
                }
                for port in spec["ports"]
            ],
        },
    }
    # without the labels: what selects the Service by them must not find it twice
    if "namespace" in metadata:
        twin["metadata"]["namespace"] = metadata["namespace"]
    return twin


def twin_name(service: str) -> str:
    """Return the name of a Service's headless twin, at most 63 characters as Kubernetes wants it.

    Its digest keeps it apart from the user's own names, and from twins of names that begin alike.
    """
    digest = hashlib.sha256(service.encode()).hexdigest()[:8]
    return f"{service[:49]}-pods-{digest}"
