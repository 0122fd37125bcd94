"""The rules: each looks at one resource and says what is wrong with it, in a line for people.

Nothing of Pulumi is imported: the same rules serve `python -m preview`, which has a preview's JSON,
and the policy pack, which is asked by Pulumi's engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What Pulumi writes for a value that is known only once it is made."""

SECRET = "[secret]"  # noqa: S105
"""What Pulumi's JSON shows of a secret."""

GATEWAY_SERVICE = ("tetrate-system", "gateway")
"""Namespace and name of the only Service of type LoadBalancer: the edge's and each gateway's."""

SECRET_KEYS = ("data", "stringData")
"""What a Secret of Kubernetes hides."""

PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|client-key-data:")
"""What no text that hides nothing may hold."""

_TEMPLATES = {
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    "PodTemplate": ("template", "spec"),
}
_TEMPLATE = ("spec", "template", "spec")
"""Where all other kinds that make pods hold them, custom ones such as a Rollout too."""

_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_HOST = ("hostNetwork", "hostPID", "hostIPC")


@dataclass(frozen=True)
class Resource:
    """One resource, as a preview plans it."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    provider: str = ""
    """Name of the provider that it goes through; "" where it has none."""
    custom: bool = True
    """Whether a provider makes it; a component only groups others."""
    secret_outputs: Sequence[str] = ()
    """Properties that the program itself declares secret."""
    shows_secrets: bool = True
    """Whether `inputs` has SECRET for what is secret; an engine hands the value itself over."""


@dataclass(frozen=True)
class Rule:
    """A rule by its name."""

    name: str
    what: str
    check: Callable[[Resource], Iterator[str]]


def violations(resource: Resource) -> list[str]:
    """Return what is wrong with a resource: lines of rule, resource and reason."""
    kind = resource.type.rpartition(":")[2]
    return [
        f"{rule.name}: {kind} {resource.name}: {found}"
        for rule in RULES
        for found in rule.check(resource)
    ]


def _load_balancer(resource: Resource) -> Iterator[str]:
    if _kind(resource) != "Service" or _get(resource.inputs, "spec", "type") != "LoadBalancer":
        return
    metadata = _map(resource.inputs.get("metadata"))
    named = (metadata.get("namespace"), metadata.get("name"))
    if named != GATEWAY_SERVICE:
        yield (
            "is of type LoadBalancer, which is for Service gateway in tetrate-system alone;"
            " make it a ClusterIP and expose it by its gateway.tetrate.io annotations"
        )


def _privileged(resource: Resource) -> Iterator[str]:
    pod = _pod(resource)
    for key in _HOST:
        if pod.get(key) not in (None, False):
            yield f"{key} shares the node with the pod; leave it out"
    for volume in _list(pod.get("volumes")):
        if "hostPath" in _map(volume):
            yield f"volume {volume.get('name')} is a hostPath, a folder of the node"
    for container in _containers(pod):
        context = _map(container.get("securityContext"))
        where = f"container {container.get('name')}"
        if context.get("privileged") not in (None, False):
            yield f"{where} is privileged; leave that out"
        # left out, it means true
        if context.get("allowPrivilegeEscalation") is not False:
            yield f"{where} may gain privileges; set allowPrivilegeEscalation: false"


def _image(resource: Resource) -> Iterator[str]:
    for container in _containers(_pod(resource)):
        image = container.get("image")
        if image == UNKNOWN:
            continue
        name, _, digest = str(image or "").partition("@")
        tag = name.rpartition("/")[2].partition(":")[2]
        if not digest.startswith("sha256:") and tag in ("", "latest"):
            yield (
                f"image {image or 'of no name'} of container {container.get('name')} has no"
                " version; name a tag other than latest, or a digest"
            )


def _provider(resource: Resource) -> Iterator[str]:
    # resources of the program's own (pulumi-python) have only their default provider
    own = resource.type.startswith(("pulumi:", "pulumi-python:"))
    if not resource.custom or own:
        return
    if not resource.provider or resource.provider.startswith("default"):
        yield (
            "has no explicit provider, so it would go wherever the ambient settings point;"
            " give its options a provider"
        )


def _encrypted(resource: Resource) -> Iterator[str]:
    if resource.type.startswith("pulumi:providers:") and resource.shows_secrets:
        value = resource.inputs.get("kubeconfig", SECRET)
        if value not in (SECRET, UNKNOWN):
            yield "its kubeconfig is not a secret of Pulumi's; wrap it: pulumi.Output.secret(...)"
    kind = _kind(resource)
    for key in SECRET_KEYS if kind == "Secret" else ():
        content = resource.inputs.get(key)
        if not content or content == SECRET:
            continue
        if not resource.shows_secrets:
            plain = [] if key in resource.secret_outputs else [key]
        elif isinstance(content, Mapping):
            # even what is not known yet is shown as a secret, if it will be one
            plain = [part for part, value in content.items() if value != SECRET]
        else:
            plain = [key]
        if plain:
            yield (
                f"{', '.join(plain)} would lie in the state as it is; make it a secret:"
                f" pulumi.Output.secret(...), and additional_secret_outputs of {key}"
            )
    for key, value in _map(resource.inputs.get("data")).items() if kind == "ConfigMap" else ():
        if PRIVATE.search(str(value)):
            yield f"{key} holds a private key, and a ConfigMap hides nothing; make it a Secret"


def _limited(resource: Resource) -> Iterator[str]:
    for container in _containers(_pod(resource)):
        if container.get("resources") == UNKNOWN:
            continue
        given = _map(container.get("resources"))
        missing = [
            f"{group}.{what}"
            for group, what in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory"))
            if not _map(given.get(group)).get(what)
        ]
        if missing:
            yield f"container {container.get('name')} has no resources.{', '.join(missing)}"


RULES = (
    Rule(
        "load-balancer",
        "Only the edge and the gateways have a Service of type LoadBalancer.",
        _load_balancer,
    ),
    Rule("privileged-pod", "No pod shares its node or may gain privileges.", _privileged),
    Rule("image-version", "Every image is named by version.", _image),
    Rule("explicit-provider", "Every resource goes through an explicit provider.", _provider),
    Rule("secrets-encrypted", "Secrets are encrypted in the state.", _encrypted),
    Rule("resources-limited", "Every container has requests, and a limit of memory.", _limited),
)


def _kind(resource: Resource) -> str:
    """Return the kind of a Kubernetes object; "" for any other resource."""
    group, _, kind = resource.type.rpartition(":")
    return kind if group.startswith("kubernetes:") else ""


def _pod(resource: Resource) -> Mapping[str, Any]:
    """Return the pod's specification in a resource that makes pods; empty for others."""
    kind = _kind(resource)
    return _map(_get(resource.inputs, *_TEMPLATES.get(kind, _TEMPLATE))) if kind else {}


def _containers(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for group in _CONTAINERS:
        yield from (_map(container) for container in _list(pod.get(group)))


def _get(value: Any, *path: str) -> Any:
    for key in path:
        value = _map(value).get(key)
    return value


def _map(value: Any) -> Mapping[str, Any]:
    """Return the value if it is a mapping; empty for one that is unknown or missing."""
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
