"""Pods and pod templates that an API server would refuse.

The types of all fields have been checked before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from components.documents import fields, quantity

Given = Mapping[str, Any]

_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_OF_LONG_LIVED = ("readinessProbe", "livenessProbe", "startupProbe", "lifecycle")
_RESOURCES = ("cpu", "memory", "ephemeral-storage")
_VARIABLE = re.compile(r"[ -<>-~]+")
"""Name of an environment variable: printable ASCII signs but for `=`."""


def check_volumes(spec: Given, path: str, claims: Collection[str], refuse: fields.Refuse) -> None:
    """Check that each volume that a container mounts is there.

    `claims` are the names of a StatefulSet's claim templates, of which each is a volume.
    """
    volumes = {each.get("name") for each in spec.get("volumes") or ()} | set(claims)
    for where, container in _containers(spec, path):
        for field in ("volumeMounts", "volumeDevices"):
            for number, mount in enumerate(container.get(field) or ()):
                if mount.get("name") not in volumes:
                    raise refuse(
                        f"has in {where}.{field}[{number}].name {fields.shown(mount.get('name'))}, "
                        f"which is not in {path}volumes; add the volume, or correct the name"
                    )


def _containers(spec: Given, path: str) -> Iterator[tuple[str, Given]]:
    for field in _CONTAINERS:
        for number, container in enumerate(spec.get(field) or ()):
            yield f"{path}{field}[{number}]", container


def _pod(spec: Given, path: str, refuse: fields.Refuse) -> None:
    for number, volume in enumerate(spec.get("volumes") or ()):
        fields.label(volume.get("name"), f"{path}volumes[{number}].name", refuse)
    names: dict[str, str] = {}
    for where, container in _containers(spec, path):
        fields.once(container.get("name"), where, names, refuse)
    for number, container in enumerate(spec.get("initContainers") or ()):
        for field in _OF_LONG_LIVED if container.get("restartPolicy") != "Always" else ():
            if container.get(field) is not None:
                raise refuse(
                    f"has {path}initContainers[{number}].{field}, which only one with restartPolicy"
                    " Always has; set that, or remove it"
                )
    if spec.get("dnsPolicy") == "None" and not (spec.get("dnsConfig") or {}).get("nameservers"):
        raise refuse(f"has {path}dnsPolicy None, which needs {path}dnsConfig.nameservers; add them")


def _container(container: Given, path: str, refuse: fields.Refuse) -> None:
    if container.get("name"):
        fields.label(container["name"], f"{path}name", refuse)
    ports: dict[str, str] = {}
    for number, port in enumerate(container.get("ports") or ()):
        where = f"{path}ports[{number}]"
        fields.once(port.get("name"), where, ports, refuse)
    for probe in ("livenessProbe", "startupProbe"):
        threshold = (container.get(probe) or {}).get("successThreshold")
        if threshold not in (None, 0, 1):
            raise refuse(f"has in {path}{probe}.successThreshold {threshold}; use 1")
    _resources(container.get("resources") or {}, f"{path}resources.", refuse)


def _resources(given: Given, path: str, refuse: fields.Refuse) -> None:
    amounts: dict[str, dict[str, int]] = {}
    for field in ("limits", "requests"):
        amounts[field] = {}
        for name, value in (given.get(field) or {}).items():
            if "/" not in name and name not in _RESOURCES and not name.startswith("hugepages-"):
                known = ", ".join(_RESOURCES)
                raise refuse(f"has the unknown resource {path}{field}.{name}; use one of {known}")
            amount = amounts[field][name] = quantity.amount(value)
            if amount < 0:
                raise refuse(f"has in {path}{field}.{name} {fields.shown(value)}; use 0 or more")
    for name, wanted in amounts["requests"].items():
        limit = amounts["limits"].get(name)
        if limit is not None and wanted > limit:
            raise refuse(
                f"has in {path}requests.{name} more than in {path}limits.{name}; raise the limit, "
                "or request less"
            )


def _variable(variable: Given, path: str, refuse: fields.Refuse) -> None:
    name = variable.get("name") or ""
    if name and not _VARIABLE.fullmatch(name):
        raise refuse(f"has in {path}name {fields.shown(name)}; use printable ASCII without '='")


def _mount(mount: Given, path: str, refuse: fields.Refuse) -> None:
    below = mount.get("subPath") or ""
    if below.startswith("/") or ".." in below.split("/"):
        raise refuse(
            f"has in {path}subPath {fields.shown(below)}; use a relative path without '..'"
        )


def _toleration(toleration: Given, path: str, refuse: fields.Refuse) -> None:
    operator = toleration.get("operator") or "Equal"
    if not toleration.get("key") and operator != "Exists":
        raise refuse(f"has no {path}key, which only operator Exists does without; add it")
    if operator == "Exists" and toleration.get("value"):
        raise refuse(f"has a {path}value beside operator Exists; remove it")
    if toleration.get("tolerationSeconds") is not None and toleration.get("effect") != "NoExecute":
        raise refuse(f"has {path}tolerationSeconds, which only effect NoExecute has; remove it")


FURTHER: Mapping[str, Callable[[Given, str, fields.Refuse], None]] = {
    "core.v1.Container": _container,
    "core.v1.EnvVar": _variable,
    "core.v1.PodSpec": _pod,
    "core.v1.Toleration": _toleration,
    "core.v1.VolumeMount": _mount,
}
"""What is looked at in an object of a type, beside the tables of `rules.py`."""
