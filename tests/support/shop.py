"""A small application of a user's own: an Envoy that answers `shop` at shop.example.com."""

from __future__ import annotations

from typing import Any

import yaml

from components.routing.routes import PREFIX
from localkube import images

HOST = "shop.example.com"

Document = dict[str, Any]

_LISTENER = """
static_resources:
  listeners:
  - address: {socket_address: {address: 0.0.0.0, port_value: 8080}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": {network}.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: shop
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {prefix: /}
                direct_response: {status: 200, body: {inline_string: "shop\\n"}}
""".replace("{network}", "type.googleapis.com/envoy.extensions.filters.network")


def shop(namespace: str = "shop", exposed: bool = True) -> list[Document]:
    """Return its documents: a Namespace, a ConfigMap, a Service and a Deployment of one pod."""
    own = {"name": "shop", "namespace": namespace}
    labels = {"app": "shop"}
    service: Document = {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}
    annotations = {f"{PREFIX}host": HOST, f"{PREFIX}protocol": "HTTP"} if exposed else {}
    container = {
        "name": "shop",
        "image": images.envoy(),
        "command": ["envoy", "-c", "/etc/shop/envoy.yaml", "--concurrency", "1"],
        "securityContext": {"allowPrivilegeEscalation": False},
        "resources": {
            "requests": {"cpu": "10m", "memory": "64Mi"},
            "limits": {"memory": "128Mi"},
        },
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}},
        "volumeMounts": [{"name": "configuration", "mountPath": "/etc/shop"}],
    }
    pod = {
        "metadata": {"labels": labels},
        "spec": {
            "containers": [container],
            "volumes": [{"name": "configuration", "configMap": {"name": "shop"}}],
        },
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": own,
            "data": {"envoy.yaml": _LISTENER},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**own, "annotations": annotations},
            "spec": service,
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": own,
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod},
        },
    ]


def scaler(version: str, namespace: str = "shop") -> Document:
    """Return a HorizontalPodAutoscaler of at least two pods, in a version of its API."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    metric = {"type": "Utilization", "averageUtilization": 80}
    load: Document = {
        "autoscaling/v1": {"targetCPUUtilizationPercentage": 80},
        "autoscaling/v2": {
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": metric}}]
        },
    }[version]
    return {
        "apiVersion": version,
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "shop", "namespace": namespace},
        "spec": {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 3, **load},
    }


def text(documents: list[Document]) -> str:
    """Return documents as a manifest."""
    return yaml.safe_dump_all(documents)
