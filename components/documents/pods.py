"""Pods and pod templates that an API server would refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.documents import fields

_POD_LISTS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "volumes": ("name",),
    "imagePullSecrets": ("name",),
    "resourceClaims": ("name",),
    "schedulingGates": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_CONTAINER_LISTS = {
    "ports": ("containerPort", "protocol"),
    "env": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
}
"""Lists that server-side apply takes for maps, and their keys.

Source: x-kubernetes-list-map-keys in api/openapi-spec/swagger.json of k8s.io/kubernetes v1.37.1.
"""


def check(template: Mapping[str, Any], path: str, refuse: fields.Refuse) -> None:
    """Check a pod or a template of one; `path` is its own, with a dot at the end."""
    metadata = fields.mapping(template.get("metadata"), f"{path}metadata", refuse)
    fields.labels(metadata.get("labels"), f"{path}metadata.labels", refuse)
    fields.texts(metadata.get("annotations"), f"{path}metadata.annotations", refuse)
    spec = fields.mapping(template.get("spec"), f"{path}spec", refuse)
    fields.texts(spec.get("nodeSelector"), f"{path}spec.nodeSelector", refuse)
    found = {
        field: list(fields.entries(spec.get(field), f"{path}spec.{field}", keys, refuse))
        for field, keys in _POD_LISTS.items()
    }
    for where, volume in found["volumes"]:
        if not isinstance(volume.get("name"), str) or not fields.LABEL.fullmatch(volume["name"]):
            raise refuse(fields.no_label(f"{where}.name", volume.get("name")))
    containers: dict[str, str] = {}
    for where, container in (pair for field in _CONTAINERS for pair in found[field]):
        _check_container(container, where, refuse)
        name = container["name"]
        if containers.setdefault(name, where) is not where:
            raise refuse(f"has name {name} twice: {containers[name]} and {where}; keep one")


def _check_container(container: Mapping[str, Any], path: str, refuse: fields.Refuse) -> None:
    name = container.get("name")
    if not isinstance(name, str) or not fields.LABEL.fullmatch(name):
        raise refuse(fields.no_label(f"{path}.name", name))
    for field in ("image", "restartPolicy", "imagePullPolicy", "workingDir"):
        fields.optional_text(container.get(field), f"{path}.{field}", refuse)
    for field in ("command", "args"):
        for number, each in enumerate(
            fields.items(container.get(field), f"{path}.{field}", refuse)
        ):
            fields.optional_text(each, f"{path}.{field}[{number}]", refuse)
    for field, keys in _CONTAINER_LISTS.items():
        for where, entry in fields.entries(container.get(field), f"{path}.{field}", keys, refuse):
            if field == "env":
                fields.text(entry.get("name"), f"{where}.name", refuse)
                fields.optional_text(entry.get("value"), f"{where}.value", refuse)
            elif field == "volumeMounts":
                fields.text(entry.get("name"), f"{where}.name", refuse)
                fields.text(entry.get("mountPath"), f"{where}.mountPath", refuse)
            elif field == "ports":
                fields.port(entry.get("containerPort"), f"{where}.containerPort", refuse)
                fields.port_name(entry.get("name"), f"{where}.name", refuse)
    for field in ("readinessProbe", "livenessProbe", "startupProbe"):
        probe = fields.mapping(container.get(field), f"{path}.{field}", refuse)
        for action in ("httpGet", "tcpSocket"):
            asked = fields.mapping(probe.get(action), f"{path}.{field}.{action}", refuse)
            if asked:
                fields.target(asked.get("port") or 0, f"{path}.{field}.{action}.port", refuse)
            fields.optional_text(asked.get("path"), f"{path}.{field}.{action}.path", refuse)
