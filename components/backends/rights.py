"""What the program needs to be allowed to do in a cluster, asked of the cluster beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from components import kubectl
from components.backends import kinds
from components.backends.inventory import Item
from components.backends.kinds import Resource
from foundation import lists
from foundation.commands import Failed
from foundation.contract import GATEWAY_NAMESPACE
from foundation.errors import first_of
from foundation.identity import DEFAULT_NAMESPACE

_WRITE = ("get", "list", "watch", "create", "patch", "delete")
_LOOK = ("get", "list", "watch")
_WATCHED = {
    "DaemonSet": (("", "pods"),),
    "Deployment": (("", "pods"), ("apps", "replicasets"), ("", "persistentvolumeclaims")),
    "StatefulSet": (("", "pods"),),
}
"""What Pulumi's provider watches while a workload gets ready; it hangs if it may not.

Source: `Subscribe` in provider/pkg/await of https://github.com/pulumi/pulumi-kubernetes.
"""

_LOADED = (("patch", "", "pods"), ("create", "", "pods/exec"), ("get", "", "pods/log"))
"""What it takes to have the gateways' pods load files, see `components.gateways.loaded`."""

Right = tuple[str, str, str, str]
"""Verb, API group, resource, namespace (empty for the whole cluster)."""

_ALL: Right = ("*", "*", "*", "")


def wanted(items: Iterable[Item], custom: Mapping[Item, Resource] | None = None) -> list[Right]:
    """Return the rights that it takes to make, change, watch and remove these objects.

    `custom` has what the API calls those of custom kinds.
    """
    found: dict[Right, None] = {}
    for item in items:
        resource = (custom or {}).get(item) or kinds.builtin(item)
        if resource is None:  # nobody knows its kind: see `Seen.unserved`
            continue
        namespace = (item.namespace or DEFAULT_NAMESPACE) if resource.namespaced else ""
        found |= dict.fromkeys((v, item.group, resource.plural, namespace) for v in _WRITE)
        watched = _WATCHED.get(item.kind, ())
        found |= dict.fromkeys((v, g, r, namespace) for g, r in watched for v in _LOOK)
        if item.kind == "Deployment" and namespace == GATEWAY_NAMESPACE:
            found |= dict.fromkeys((*right, namespace) for right in _LOADED)
    return list(found)


def denied(
    kubeconfig: str, items: Iterable[Item], custom: Mapping[Item, Resource] | None = None
) -> list[Right]:
    """Ask a cluster, and return the rights that are lacking, see `wanted`. Raises Failed."""
    if not _denied(kubeconfig, [_ALL]):
        return []
    return _denied(kubeconfig, wanted(items, custom))


def _denied(kubeconfig: str, asked: Sequence[Right]) -> list[Right]:
    """Ask for all in one go: each is a review by itself, and kubectl takes its time to start."""
    given = lists.as_list(map(review, asked))
    command = ("create", "--filename=-", "--output=json", "--validate=false")
    answers = lists.items(kubectl.ask(kubeconfig, *command, given=given, requests=len(asked)))
    allowed = [bool(answer.get("status", {}).get("allowed")) for answer in answers]
    if len(allowed) != len(asked):
        raise Failed(f"{len(allowed)} answers to {len(asked)} questions about rights")
    return [right for right, yes in zip(asked, allowed, strict=True) if not yes]


def review(right: Right) -> dict[str, Any]:
    """Return the question whether the asking user has a right."""
    verb, group, name, namespace = right
    resource, _, subresource = name.partition("/")
    attributes = {"verb": verb, "group": group, "resource": resource, "namespace": namespace}
    if subresource:
        attributes["subresource"] = subresource
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }


_SHOWN = 3


def shown(rights: Sequence[Right]) -> str:
    """Return rights in words: verbs by resource and namespace, the first few of them."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for verb, group, resource, namespace in rights:
        name = f"{resource}.{group}" if group else resource
        verbs.setdefault((name, namespace), []).append(verb)
    parts = [
        f"{'/'.join(known)} {name}{f' in {namespace}' if namespace else ''}"
        for (name, namespace), known in verbs.items()
    ]
    return first_of(parts, _SHOWN)
