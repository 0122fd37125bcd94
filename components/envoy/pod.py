"""The Kubernetes objects that run an Envoy of the edge or of a regional gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.envoy.common import MEMORY_MIB, Listen, Paths
from components.envoy.drain import DRAIN_SECONDS, drain_command
from components.envoy.server import READY_PATH
from components.envoy.version import version_command
from foundation.contract import EDGE_CLUSTER, GATEWAY_NAME, GATEWAY_NAMESPACE, MESH_SECRET

IMAGE = "docker.io/envoyproxy/envoy:v1.40.0"

#: Annotation on the pod template that rolls the pods when what they are started with changes.
CHECKSUM_ANNOTATION = "resiliency.demo/config-checksum"

#: Seconds after which a pod that still drains is killed.
GRACE_SECONDS = 30

_USER = 101  # `envoy` in the image
_LABELS = {"app.kubernetes.io/name": GATEWAY_NAME}


@dataclass(frozen=True)
class EnvoyPods:
    """What a Deployment of Envoys is made from.

    Deployment and Service have one name in every cluster, on the edge as well. `config_map` and
    `mesh_secret` are names of objects beside them; `certificates` are Secrets of type
    kubernetes.io/tls for clients (edge only).
    """

    cluster: str
    certificates: tuple[str, ...] = ()
    replicas: int = 2
    config_map: str = "gateway-config"
    mesh_secret: str = MESH_SECRET
    concurrency: int = 1
    """Threads that serve: each has connections of its own to all hosts, which are pinged."""
    listen: Listen = field(default_factory=Listen)
    paths: Paths = field(default_factory=Paths)

    @property
    def edge(self) -> bool:
        """Whether they are the edge's."""
        return self.cluster == EDGE_CLUSTER


def envoy_deployment(pods: EnvoyPods, started_with: Any) -> dict[str, Any]:
    """Return the Deployment (apps/v1): surge, probes, graceful drain, hardened container.

    `started_with` is the digest of what the pods are started with: text, or an Output of it.

    A new bootstrap brings up a whole second set at the edge, so that it takes one start; gateways
    are replaced one by one. No pod ends before its successor is ready.
    """
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": GATEWAY_NAME, "namespace": GATEWAY_NAMESPACE, "labels": dict(_LABELS)},
        "spec": {
            "replicas": pods.replicas,
            "minReadySeconds": 1,
            "progressDeadlineSeconds": 120,
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": dict(_LABELS)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "100%" if pods.edge else 1},
            },
            "template": {
                "metadata": {
                    "labels": dict(_LABELS),
                    "annotations": {CHECKSUM_ANNOTATION: started_with},
                },
                "spec": _pod_spec(pods),
            },
        },
    }


def envoy_service(
    pods: EnvoyPods,
    *,
    type: str = "LoadBalancer",
    node_ports: Sequence[int] = (),
    external_ips: Sequence[Any] = (),
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the Service (v1) of the Envoys.

    Its ports: 443 and 80 on the edge, 15443 (`tls-ingress`) and 15444 (`tls-peer`) on a gateway;
    `node_ports` are their node ports, in that order.
    """
    if pods.edge:
        ports = [("https", 443, "https"), ("http", 80, "http")]
    else:
        ports = [
            ("tls-ingress", pods.listen.ingress, "ingress"),
            ("tls-peer", pods.listen.peer, "peer"),
        ]
    metadata: dict[str, Any] = {
        "name": GATEWAY_NAME,
        "namespace": GATEWAY_NAMESPACE,
        "labels": dict(_LABELS),
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    offered: list[dict[str, Any]] = [
        {"name": name, "port": port, "targetPort": target, "protocol": "TCP"}
        for name, port, target in ports
    ]
    for port, number in zip(offered, node_ports, strict=False):
        port["nodePort"] = number
    spec = {"type": type, "selector": dict(_LABELS), "ports": offered}
    if external_ips:
        spec["externalIPs"] = list(external_ips)
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _pod_spec(pods: EnvoyPods) -> dict[str, Any]:
    volumes = [
        {"name": "config", "configMap": {"name": pods.config_map}},
        {"name": "mesh", "secret": {"secretName": pods.mesh_secret, "defaultMode": 0o440}},
    ]
    mounts = [
        {"name": "config", "mountPath": pods.paths.config, "readOnly": True},
        {"name": "mesh", "mountPath": pods.paths.mesh, "readOnly": True},
    ]
    for index, secret in enumerate(pods.certificates):
        volume = f"certificate-{index}"
        volumes.append({"name": volume, "secret": {"secretName": secret, "defaultMode": 0o440}})
        mounts.append(
            {"name": volume, "mountPath": f"{pods.paths.certificates}/{secret}", "readOnly": True}
        )
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": dict(_LABELS)},
                # Only pods of one rollout count: otherwise the last ones of the rollout before
                # would push both of the new ones to one node.
                "matchLabelKeys": ["pod-template-hash"],
            }
        ],
        "containers": [_container(pods, mounts)],
        "volumes": volumes,
    }


def _container(pods: EnvoyPods, mounts: list[dict[str, Any]]) -> dict[str, Any]:
    listen = pods.listen
    if pods.edge:
        ports = {"https": listen.https, "http": listen.http, "ready": listen.ready}
    else:
        ports = {"ingress": listen.ingress, "peer": listen.peer, "ready": listen.ready}
    probe = {"httpGet": {"path": READY_PATH, "port": "ready"}, "timeoutSeconds": 1}
    startup: dict[str, Any] = {}
    if pods.edge:
        # An Envoy that refuses a file starts without it, and would answer 404 or 503.
        command = version_command("", pods.paths.config, listen.admin)
        startup["startupProbe"] = {
            "exec": {"command": command},
            "periodSeconds": 1,
            "timeoutSeconds": 10,
            "failureThreshold": 30,
        }
    return {
        "name": "envoy",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/usr/local/bin/envoy"],
        "args": [
            *("--config-path", f"{pods.paths.config}/envoy.yaml"),
            *("--service-node", "$(POD_NAME)"),
            *("--service-cluster", pods.cluster),
            # names the zone in counters; not the region, whose change would roll the pods
            *("--service-zone", pods.cluster),
            *("--concurrency", str(pods.concurrency)),
            *("--drain-time-s", str(DRAIN_SECONDS)),
            *("--drain-strategy", "immediate"),
            "--reject-unknown-dynamic-fields",
            "--disable-hot-restart",
            *("--file-flush-interval-msec", "1000"),
            *("--log-level", "warning"),
        ],
        "env": [
            _own("POD_NAME", "metadata.name"),
            _own("CONFIGURATION", f"metadata.annotations['{CHECKSUM_ANNOTATION}']"),
        ],
        "ports": [{"name": name, "containerPort": port} for name, port in ports.items()],
        **startup,
        # A dead process is noticed at once without it; three in a row, because on a machine short
        # of CPU a single late answer must not take the last pod out of its Service.
        "readinessProbe": {**probe, "periodSeconds": 1, "failureThreshold": 3},
        # Not the same question: a draining Envoy is not ready, but must not be killed for it.
        "livenessProbe": {
            "tcpSocket": {"port": "ready"},
            "initialDelaySeconds": 10,
            "periodSeconds": 5,
            "failureThreshold": 3,
            "timeoutSeconds": 1,
        },
        "lifecycle": {"preStop": {"exec": {"command": drain_command(listen.admin)}}},
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"memory": f"{MEMORY_MIB}Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }


def _own(variable: str, field: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"fieldRef": {"fieldPath": field}}}
