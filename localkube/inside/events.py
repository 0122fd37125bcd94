"""Events by which a controller of ours tells a user why an object stays as it is."""

from __future__ import annotations

import datetime
from typing import Any

from localkube.api import Api


def warn(
    api: Api, kind: str, document: dict[str, Any], reason: str, message: str, component: str
) -> None:
    """Create a warning about an object of the core group. Raises `FAILURES`.

    `kind` is given apart, because lists leave it out of their items.
    """
    metadata = document["metadata"]
    # of an object of no namespace it is in `default`, as Kubernetes has it
    namespace = metadata.get("namespace", "default")
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    about = {key: metadata[key] for key in ("name", "namespace", "uid") if key in metadata}
    event = {
        "metadata": {"generateName": f"{metadata['name']}-", "namespace": namespace},
        "involvedObject": {"apiVersion": "v1", "kind": kind, **about},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "source": {"component": component},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    api.call("POST", f"/api/v1/namespaces/{namespace}/events", event)
