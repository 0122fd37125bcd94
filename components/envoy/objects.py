"""The objects of a gateway: the edge's, or an application cluster's; all but its configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.envoy.pod import EnvoyPods, envoy_deployment
from foundation.contract import GATEWAY_NAME, GATEWAY_NAMESPACE


def namespace() -> dict[str, Any]:
    """Return the gateways' Namespace."""
    metadata = {"name": GATEWAY_NAMESPACE}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def gateway_objects(
    pods: EnvoyPods, files: Any, secrets: Sequence[Mapping[str, Any]], started_with: Any
) -> list[dict[str, Any]]:
    """Return what runs behind the gateway's Service, the ConfigMap first, the Deployment last.

    `files` is the ConfigMap's data, `secrets` are whole documents, `started_with` is the digest of
    what pods are started with. All may be Outputs, or hold some.
    """
    deployment = envoy_deployment(pods, started_with)
    selector = deployment["spec"]["selector"]
    return [
        {**_object("v1", "ConfigMap", pods.config_map), "data": files},
        *map(dict, secrets),
        {
            **_object("policy/v1", "PodDisruptionBudget", GATEWAY_NAME),
            "spec": {"maxUnavailable": 1, "selector": selector},
        },
        deployment,
    ]


def _object(version: str, kind: str, name: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": GATEWAY_NAMESPACE}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}
