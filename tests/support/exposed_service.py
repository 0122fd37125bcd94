"""An exposed Service and the Deployment behind it, as documents."""

from __future__ import annotations

from typing import Any

from components.routing.annotations import PREFIX


def service(name: str = "shop", **annotations: str) -> dict[str, Any]:
    given = {"host": "shop.example.com", **annotations}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": "retail",
            "labels": {"app": name},
            "annotations": {PREFIX + key.replace("_", "-"): text for key, text in given.items()},
        },
        "spec": {
            "selector": {"app": name},
            "ports": [{"name": "http", "port": 80, "targetPort": "web", "appProtocol": "http"}],
        },
    }


def workload(name: str = "shop", probe: dict[str, Any] | None = None) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "c", "ports": [{"name": "web", "containerPort": 8080}]}
    if probe:
        container["readinessProbe"] = {"httpGet": probe}
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "retail"},
        "spec": {
            "template": {
                "metadata": {"labels": {"app": name, "version": "v1"}},
                "spec": {"containers": [container]},
            }
        },
    }
