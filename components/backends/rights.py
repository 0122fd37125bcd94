"""What the program needs to be allowed to do in a cluster, asked of the cluster beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from components import kubectl
from components.backends.inventory import Item
from foundation import lists
from foundation.commands import Failed
from foundation.contract import GATEWAY_NAMESPACE
from foundation.errors import first_of

_WRITE = ("get", "list", "watch", "create", "patch", "delete")
_LOOK = ("get", "list", "watch")
_WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet"}
_WATCHED = (("", "pods"), ("apps", "replicasets"))
"""What is looked at while a workload gets ready."""

_LOADED = (("patch", "", "pods"), ("create", "", "pods/exec"), ("get", "", "pods/log"))
"""What it takes to have the gateways' pods load files, see `components.gateways.loaded`."""

Right = tuple[str, str, str, str]
"""Verb, API group, resource, namespace (empty for the whole cluster)."""

_ALL: Right = ("*", "*", "*", "")


def wanted(items: Iterable[Item]) -> list[Right]:
    """Return the rights that it takes to make, change, watch and remove these objects."""
    found: dict[Right, None] = {}
    for item in items:
        # of kinds that are not namespaced too, for then the namespace is not looked at
        namespace = "" if item.kind == "Namespace" else item.namespace or "default"
        found |= dict.fromkeys((v, item.group, plural(item.kind), namespace) for v in _WRITE)
        if item.kind in _WORKLOADS:
            found |= dict.fromkeys((v, g, r, namespace) for g, r in _WATCHED for v in _LOOK)
        if item.kind == "Deployment" and namespace == GATEWAY_NAMESPACE:
            found |= dict.fromkeys((*right, namespace) for right in _LOADED)
    return list(found)


def plural(kind: str) -> str:
    """Return the resource of a kind, as the API forms it."""
    name = kind.lower()
    if name.endswith("endpoints"):  # the API machinery's one exception
        return name
    if name.endswith("y") and name[-2] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch", "sh")) else f"{name}s"


def denied(kubeconfig: str, items: Iterable[Item]) -> list[Right]:
    """Ask a cluster, and return the rights that are lacking. Raises Failed."""
    if not _denied(kubeconfig, [_ALL]):
        return []
    return _denied(kubeconfig, wanted(items))


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
