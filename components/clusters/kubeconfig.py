"""The kubeconfig that a stack hands to people: one context a cluster, called as the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foundation import quick_yaml


def merge(kubeconfigs: Mapping[str, str], current: str) -> str:
    """Merge the current contexts of several kubeconfigs (YAML or JSON) into one, as YAML.

    `kubeconfigs` has them by cluster name; cluster, user and context take that name, and `current`
    becomes the current context.
    """
    merged: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "clusters": [],
        "contexts": [],
        "users": [],
    }
    for name, text in kubeconfigs.items():
        source = quick_yaml.load(text)
        context = _named(source["contexts"], source["current-context"])["context"]
        cluster = _named(source["clusters"], context["cluster"])["cluster"]
        # none for an API server behind a proxy that says who asks
        user = _named(source["users"], context["user"])["user"] if context.get("user") else {}
        merged["clusters"].append({"name": name, "cluster": cluster})
        merged["users"].append({"name": name, "user": user})
        renamed = {**context, "cluster": name, "user": name}
        merged["contexts"].append({"name": name, "context": renamed})
    return quick_yaml.dump(merged)


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)
