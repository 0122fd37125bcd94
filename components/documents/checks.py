"""What an API server would refuse, refused before anything is changed.

This is no schema of Kubernetes. It has what manifests are often wrong in: keys that occur twice in
lists that server-side apply takes for maps, names, and values that are no text where text is
needed. `tests/engine` asks a real API server for its opinion of the same documents.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from components import workload
from components.documents.origin import Read
from foundation.identity import (
    Identity,
    custom_scopes,
    group_of,
    identity_of,
    is_namespaced,
)

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_PART = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"(?=.{{1,253}}$){_PART}(\.{_PART})*")
_PORT_NAME = re.compile(r"(?=.{1,15}$)(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_NAME_GROUPS = {"", "apps", "batch", "autoscaling", "networking.k8s.io", "policy"}
"""API groups whose objects have names as DNS has them; roles, for one, may have others."""

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

_DEFAULTS = {"protocol": "TCP"}

Refuse = Callable[[str], Exception]


def checked(found: Sequence[Read]) -> list[dict[str, Any]]:
    """Return the documents, their namespaces in one form. Raises ManifestError.

    A namespace that is empty, or that the kind does not have, is left out, as an API server does.
    """
    for read in found:
        _check_metadata(read)
    scopes = custom_scopes(read.document for read in found)
    seen: dict[Identity, Read] = {}
    result = []
    for read in found:
        _check(read)
        identity = identity_of(read.document, scopes)
        first = seen.setdefault(identity, read)
        if first is not read:
            again = read.place if first.file == read.file else read.where
            # The sentence names both documents: either may be the wrong one.
            raise read.refusal(f"is there twice: {first.where} and {again}; remove one")
        result.append(_in_one_form(read.document, scopes))
    return result


def _in_one_form(
    document: dict[str, Any], scopes: Mapping[tuple[str, str], bool]
) -> dict[str, Any]:
    metadata = document["metadata"]
    if "namespace" not in metadata:
        return document
    if metadata["namespace"] and is_namespaced(group_of(document), document["kind"], scopes):
        return document
    without = {key: value for key, value in metadata.items() if key != "namespace"}
    return {**document, "metadata": without}


def _check_metadata(read: Read) -> None:
    metadata = read.document.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("name") in (None, ""):
        raise read.refusal("has no metadata.name; add it")
    name = metadata["name"]
    _text(name, "metadata.name", read.refusal)
    namespace = metadata.get("namespace")
    if namespace is not None:
        _text(namespace, "metadata.namespace", read.refusal)
        if namespace and not _LABEL.fullmatch(namespace):
            raise read.refusal(_no_label("metadata.namespace", namespace))
    for field in ("labels", "annotations"):
        _texts(metadata.get(field), f"metadata.{field}", read.refusal)


def _check(read: Read) -> None:
    document, refuse = read.document, read.refusal
    group, kind = group_of(document), document["kind"]
    name = document["metadata"]["name"]
    if (group, kind) in (("", "Namespace"), ("", "Service")):
        if not _LABEL.fullmatch(name):
            raise refuse(_no_label("metadata.name", name))
    elif group in _NAME_GROUPS and not _SUBDOMAIN.fullmatch(name):
        raise refuse(
            f"has the metadata.name '{name}'; use small letters, digits, '-' and '.', at most 253"
        )
    if group == "" and kind == "Service":
        _check_service(document, refuse)
    elif group == "" and kind == "ConfigMap":
        _texts(document.get("data"), "data", refuse)
        _check_base64(document.get("binaryData"), "binaryData", refuse)
    elif group == "" and kind == "Secret":
        _texts(document.get("stringData"), "stringData", refuse)
        _check_base64(document.get("data"), "data", refuse)
    elif group == "" and kind == "ServiceAccount":
        for _ in _entries(document.get("secrets"), "secrets", ("name",), refuse):
            pass
    spec = document.get("spec")
    selector = spec.get("selector") if isinstance(spec, dict) else None
    if group in ("apps", "batch", "policy") and selector is not None:
        labels = _mapping(selector, "spec.selector", refuse).get("matchLabels")
        _texts(labels, "spec.selector.matchLabels", refuse)
    for path, template in workload.templates(document):
        _check_pod(template, path, refuse)


def _check_service(document: Mapping[str, Any], refuse: Refuse) -> None:
    spec = _mapping(document.get("spec"), "spec", refuse)
    _texts(spec.get("selector"), "spec.selector", refuse)
    names: dict[str, str] = {}
    for path, port in _entries(spec.get("ports"), "spec.ports", ("port", "protocol"), refuse):
        _port(port.get("port"), f"{path}.port", refuse)
        _target(port.get("targetPort") or None, f"{path}.targetPort", refuse)
        name = port.get("name")
        _optional_text(name, f"{path}.name", refuse)
        if name and not _LABEL.fullmatch(name):
            raise refuse(_no_label(f"{path}.name", name))
        if name and names.setdefault(name, path) is not path:
            raise refuse(f"has name {name} twice: {names[name]} and {path}; keep one")


def _check_pod(template: Mapping[str, Any], path: str, refuse: Refuse) -> None:
    metadata = _mapping(template.get("metadata"), f"{path}metadata", refuse)
    for field in ("labels", "annotations"):
        _texts(metadata.get(field), f"{path}metadata.{field}", refuse)
    spec = _mapping(template.get("spec"), f"{path}spec", refuse)
    _texts(spec.get("nodeSelector"), f"{path}spec.nodeSelector", refuse)
    for field, keys in _POD_LISTS.items():
        for where, entry in _entries(spec.get(field), f"{path}spec.{field}", keys, refuse):
            if field in _CONTAINERS:
                _check_container(entry, where, refuse)


def _check_container(container: Mapping[str, Any], path: str, refuse: Refuse) -> None:
    name = container.get("name")
    if not isinstance(name, str) or not _LABEL.fullmatch(name):
        raise refuse(_no_label(f"{path}.name", name))
    for field in ("command", "args"):
        for number, each in enumerate(_list(container.get(field), f"{path}.{field}", refuse)):
            _optional_text(each, f"{path}.{field}[{number}]", refuse)
    for field, keys in _CONTAINER_LISTS.items():
        for where, entry in _entries(container.get(field), f"{path}.{field}", keys, refuse):
            if field == "env":
                _text(entry.get("name"), f"{where}.name", refuse)
                _optional_text(entry.get("value"), f"{where}.value", refuse)
            elif field == "ports":
                _port(entry.get("containerPort"), f"{where}.containerPort", refuse)
                _port_name(entry.get("name"), f"{where}.name", refuse)
    for field in ("readinessProbe", "livenessProbe", "startupProbe"):
        probe = _mapping(container.get(field), f"{path}.{field}", refuse)
        for action in ("httpGet", "tcpSocket"):
            asked = _mapping(probe.get(action), f"{path}.{field}.{action}", refuse)
            if asked:
                _target(asked.get("port") or 0, f"{path}.{field}.{action}.port", refuse)
            _optional_text(asked.get("path"), f"{path}.{field}.{action}.path", refuse)


def _entries(
    value: Any, path: str, keys: Sequence[str], refuse: Refuse
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield path and entry of a list that server-side apply takes for a map: each key once."""
    seen: dict[str, str] = {}
    for number, entry in enumerate(_list(value, path, refuse)):
        where = f"{path}[{number}]"
        if not isinstance(entry, dict):
            raise refuse(f"has no object in {where}")
        given = {key: entry.get(key) or _DEFAULTS.get(key) for key in keys}
        first = seen.setdefault(repr(given), where)
        if first is not where:
            said = " and ".join(f"{key} {value}" for key, value in given.items())
            raise refuse(f"has {said} twice: {first} and {where}; keep one")
        yield where, entry


def _mapping(value: Any, path: str, refuse: Refuse) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refuse(f"has in {path} no mapping but {_said(value)}")
    return value


def _list(value: Any, path: str, refuse: Refuse) -> Sequence[Any]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise refuse(f"has in {path} no list but {_said(value)}")
    return value


def _texts(value: Any, path: str, refuse: Refuse) -> None:
    for key, each in _mapping(value, path, refuse).items():
        _optional_text(each, f"{path}.{key}", refuse)


def _optional_text(value: Any, path: str, refuse: Refuse) -> None:
    if value is not None:
        _text(value, path, refuse)


def _text(value: Any, path: str, refuse: Refuse) -> None:
    if not isinstance(value, str):
        raise refuse(f"has in {path} no text but {_said(value)}; put it in quotes")


def _check_base64(value: Any, path: str, refuse: Refuse) -> None:
    for key, each in _mapping(value, path, refuse).items():
        _optional_text(each, f"{path}.{key}", refuse)
        try:
            base64.b64decode(re.sub("[\r\n]", "", each or ""), validate=True)
        except (binascii.Error, ValueError):
            raise refuse(f"has in {path}.{key} no base64; encode it, or use stringData") from None


def _port(value: Any, path: str, refuse: Refuse) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 65536:
        raise refuse(f"has in {path} no port number from 1 to 65535 but {_said(value)}")


def _target(value: Any, path: str, refuse: Refuse) -> None:
    """Check a port that may be given by number or by name."""
    if isinstance(value, str):
        _port_name(value, path, refuse)
    elif value is not None:
        _port(value, path, refuse)


def _port_name(value: Any, path: str, refuse: Refuse) -> None:
    if value in (None, ""):
        return
    if not isinstance(value, str) or not _PORT_NAME.fullmatch(value):
        raise refuse(
            f"has in {path} {_said(value)}; a port's name has small letters, digits and '-', at "
            "least one letter, at most 15 in all; a number goes without quotes"
        )


def _no_label(path: str, value: object) -> str:
    return f"has in {path} {_said(value)}; use small letters, digits and '-', at most 63"


def _said(value: object) -> str:
    return "nothing" if value is None else repr(value)[:60]
