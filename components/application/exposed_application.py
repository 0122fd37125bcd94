"""What the application is to those who drill it: the stack output `application`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.documents import workload
from components.routing.routes import Route
from foundation.identity import identity_of, is_core


def exposed_application(route: Route, documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return namespace, workload, selector, host and path of an exposed Service.

    The workload has `kind` and `name`; it is None where the documents have none behind the Service.
    """
    service = next(
        document
        for document in documents
        if is_core(document, "Service")
        and (identity_of(document).namespace, document["metadata"]["name"])
        == (route.namespace, route.service)
    )
    behind = workload.serving(service, {"targetPort": route.target_port}, documents)
    found = behind and behind[0]
    return {
        "namespace": route.namespace,
        "workload": found and {"kind": found["kind"], "name": found["metadata"]["name"]},
        "selector": dict(service["spec"]["selector"]),
        "host": route.host,
        "path": route.path,
    }
