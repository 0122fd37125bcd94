"""Events by which a controller of ours tells a user why an object stays as it is."""

from __future__ import annotations

import datetime
from typing import Any


def warning(document: dict[str, Any], reason: str, message: str, component: str) -> dict[str, Any]:
    """Build a warning about an object, to be created in `namespace_of` it.

    `document` needs its apiVersion and kind, which lists leave out of their items.
    """
    metadata = document["metadata"]
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    about = {key: metadata[key] for key in ("name", "namespace", "uid") if key in metadata}
    return {
        "metadata": {"generateName": f"{metadata['name']}-", "namespace": namespace_of(document)},
        "involvedObject": {"apiVersion": document["apiVersion"], "kind": document["kind"], **about},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "source": {"component": component},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }


def namespace_of(document: dict[str, Any]) -> str:
    """Return the namespace for an object's events: its own, or `default` as Kubernetes has it."""
    return str(document["metadata"].get("namespace", "default"))


def path_for(document: dict[str, Any]) -> str:
    """Return the API path at which an event about the object is created."""
    return f"/api/v1/namespaces/{namespace_of(document)}/events"
