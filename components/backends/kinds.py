"""What the API calls the kinds of a manifest: by Kubernetes' own rule, a definition, or discovery.

A custom kind has whatever plural its definition gives it, and is in a namespace or not. Both are
read, never guessed: rights are given by plural.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from components import kubectl
from components.backends.inventory import Item
from components.documents import schema
from foundation.commands import Failed
from foundation.identity import (
    KUBERNETES_NAMESPACES,
    custom_scopes,
    group_of,
    is_namespaced,
    mapping,
)

Kind = tuple[str, str]
"""API group, or group and version, and kind."""


class Resource(NamedTuple):
    """A kind as paths of the API and rights name it."""

    plural: str
    namespaced: bool = True


def defined(documents: Iterable[Mapping[str, Any]]) -> dict[Kind, Resource]:
    """Return, by group and kind, what the CustomResourceDefinitions of a manifest define."""
    documents = list(documents)
    plurals = {}
    for document in documents:
        spec = mapping(document.get("spec"))
        names = mapping(spec.get("names"))
        if group_of(document) == "apiextensions.k8s.io":
            plurals[str(spec.get("group")), str(names.get("kind"))] = names.get("plural")
    return {
        kind: Resource(str(plurals[kind] or plural(kind[1])), scope)
        for kind, scope in custom_scopes(documents).items()
    }


def builtin(item: Item) -> Resource | None:
    """Return what Kubernetes itself calls an object's kind; None for a custom one."""
    if not schema.knows(item.version, item.kind):
        return None
    return Resource(plural(item.kind), is_namespaced(item.group, item.kind))


def plural(kind: str) -> str:
    """Return the plural of a kind of Kubernetes' own."""
    name = kind.lower()
    if name.endswith("endpoints"):  # the API machinery's one exception
        return name
    if name.endswith("y") and name[-2] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch", "sh")) else f"{name}s"


def served(kubeconfig: str, items: Iterable[Item]) -> dict[Kind, Resource]:
    """Return, by API version and kind, what a cluster serves of the custom kinds. Raises Failed."""
    versions = dict.fromkeys(item.version for item in items if builtin(item) is None)
    return {
        (version, kind): resource
        for version in versions
        for kind, resource in _listed(_discovery(kubeconfig, version)).items()
    }


def custom(
    items: Iterable[Item], served: Mapping[Kind, Resource], own: Mapping[Kind, Resource]
) -> dict[Item, Resource]:
    """Return what a cluster calls the custom kinds of objects, or will with the manifest in it.

    `served` is as the function of that name gives it, `own` as `defined` does.
    """
    found = {i: served.get((i.version, i.kind)) or own.get((i.group, i.kind)) for i in items}
    return {item: resource for item, resource in found.items() if resource}


def known(items: Iterable[Item], served: Mapping[Kind, Resource]) -> list[Item]:
    """Return the objects of whose kinds a cluster can be asked now."""
    return [item for item in items if builtin(item) or (item.version, item.kind) in served]


def namespaces(items: Iterable[Item], custom: Mapping[Item, Resource]) -> list[Item]:
    """Return the namespaces that objects are to be in and that are none of them."""
    items = list(items)
    named = {i.namespace for i in items if i not in custom or custom[i].namespaced}
    own = {i.name for i in items if (i.version, i.kind) == ("v1", "Namespace")}
    others = named - own - {"", *KUBERNETES_NAMESPACES}
    return [Item("v1", "Namespace", "", name) for name in sorted(others)]


def _discovery(kubeconfig: str, version: str) -> str:
    path = f"/apis/{version}" if "/" in version else f"/api/{version}"
    try:
        return kubectl.ask(kubeconfig, "get", "--raw", path)
    except Failed as error:
        if "(NotFound)" in error.said:
            return '{"resources": []}'
        raise


def _listed(said: str) -> dict[str, Resource]:
    """Return the kinds in the discovery of an API version, without subresources."""
    return {
        each["kind"]: Resource(each["name"], bool(each.get("namespaced")))
        for each in json.loads(said)["resources"]
        if "/" not in each["name"]
    }
