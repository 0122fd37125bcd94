"""What was seen of clusters of others, and the reason why they cannot be used, if there is one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from components.backends import rights
from components.backends.inventory import Item
from components.backends.mark import ANNOTATION
from components.documents import schema
from foundation.contract import CLUSTER_DOMAIN
from foundation.errors import first_of

OLDEST = (1, 27)
"""First Kubernetes that spreads the pods of each rollout by themselves (`matchLabelKeys`)."""

_SHOWN = 3
"""Kinds that are named of those that a cluster does not serve."""


@dataclass(frozen=True)
class Seen:
    """One cluster as it was seen."""

    cluster: str
    context: str
    kubeconfig: str = ""
    uid: str = ""
    """Of the namespace kube-system: the cluster's own for life. Empty where it was not seen."""
    problem: str = ""
    """Why nothing more is known of it."""
    version: tuple[int, int] = OLDEST
    denied: Sequence[rights.Right] = ()
    objects: Sequence[Mapping[str, Any]] = ()
    """Objects that are there under names that the stack needs."""
    needs: Sequence[Item] = ()
    """All that the stack will put into it."""
    absent: Sequence[str] = ()
    """Namespaces that the stack needs and does not make, and that are not there."""
    domain: str = CLUSTER_DOMAIN
    """Below which its DNS has Services."""
    unserved: Sequence[Item] = ()
    """Those of them whose kinds neither the cluster nor the manifest knows."""

    @staticmethod
    def of(
        cluster: str,
        context: str,
        kubeconfig: str,
        version: Mapping[str, Any],
        denied: Sequence[rights.Right],
        there: Iterable[Mapping[str, Any]],
        needs: Sequence[Item] = (),
        unserved: Sequence[Item] = (),
    ) -> Seen:
        """Take apart what the API server said."""
        objects = list(there)
        own = next((o for o in objects if _name(o) == ("Namespace", "kube-system")), None)
        return Seen(
            cluster=cluster,
            context=context,
            kubeconfig=kubeconfig,
            uid=own["metadata"]["uid"] if own else "",
            version=_version(version),
            denied=denied,
            objects=[o for o in objects if o is not own],
            needs=needs,
            unserved=unserved,
        )

    def beside(self, namespaces: Sequence[Item]) -> Seen:
        """Return the same, with namespaces that the stack needs and does not make taken out."""
        names = {("Namespace", item.name) for item in namespaces}
        absent = names - {_name(found) for found in self.objects}
        return replace(
            self,
            objects=[found for found in self.objects if _name(found) not in names],
            absent=sorted(name for _, name in absent),
        )

    @property
    def server(self) -> str:
        """Address of the API server."""
        return str(json.loads(self.kubeconfig)["clusters"][0]["cluster"]["server"])

    @property
    def shown(self) -> str:
        """The cluster as people know it."""
        return f"{self.cluster} (context {self.context})"

    def holds(self, mark: str) -> bool:
        """Check whether an object of the stack with this mark is there."""
        return any(_holder(found) == mark for found in self.objects)


def refusal(clusters: Sequence[Seen], mark: str, may_share: bool = False) -> str:
    """Return the reason why the clusters cannot be used, in one line; empty if they can.

    `may_share` tells whether two of them may be one, where nothing of theirs is of one name.
    """
    away = [f"{seen.shown}: {seen.problem}" for seen in clusters if seen.problem]
    if away:
        return f"{'; '.join(away)}. Look at it: kubectl --context CONTEXT get nodes"
    shared = _shared(clusters, may_share)
    return shared or next(filter(None, (_unfit(seen, mark) for seen in clusters)), "")


def _shared(clusters: Sequence[Seen], may_share: bool) -> str:
    for position, seen in enumerate(clusters):
        for other in clusters[:position]:
            if (other.uid or other.server) != (seen.uid or seen.server):
                continue
            both = f"{other.shown} and {seen.shown} are one cluster"
            if met := next((item for item in seen.needs if item in other.needs), None):
                where = f" in {met.namespace}" if met.namespace else ""
                return f"{both}, and both need {met.kind} {met.name}{where}: name another context"
            if not may_share:
                return (
                    f"{both}; name another context, or allow it, for nothing of theirs meets: "
                    "./demo pulumi config set allowSharedCluster true"
                )
    return ""


def _unfit(seen: Seen, mark: str) -> str:
    if seen.version < OLDEST:
        version, oldest = (".".join(map(str, v)) for v in (seen.version, OLDEST))
        return f"{seen.shown} is Kubernetes {version}; use {oldest} or newer"
    if seen.unserved:
        names = dict.fromkeys(f"{item.kind} ({item.version})" for item in seen.unserved)
        return (
            f"{seen.shown} serves no {first_of(list(names), _SHOWN)}; install what defines it, put "
            "its CustomResourceDefinition into the manifest, or correct apiVersion and kind: "
            f"kubectl --context {seen.context} api-resources"
        )
    if seen.denied:
        return (
            f"{seen.shown}: its user may not {rights.shown(seen.denied)}; use a context whose user "
            "may, or have the rights granted (ClusterRole admin is not enough: namespaces are made)"
        )
    if seen.absent:
        return (
            f"{seen.shown} has no namespace {first_of(seen.absent, _SHOWN)}, and the manifest makes"
            f" none; add it there, or: kubectl --context {seen.context} create namespace"
            f" {seen.absent[0]}"
        )
    ours = {n for kind, n in map(_name, seen.objects) if kind == "Namespace"}  # or refused
    for found in seen.objects:
        kind, name = _name(found)
        metadata = found["metadata"]
        namespace = metadata.get("namespace", "")
        holder = _holder(found)
        # what is in a namespace of ours goes with it: that one alone decides
        if holder == mark or namespace in ours:
            continue
        where = f" --namespace {namespace}" if namespace else ""
        delete = f"kubectl --context {seen.context}{where} delete {_typed(found)} {name}"
        what = f"{seen.shown}: {kind} {name}{f' in {namespace}' if namespace else ''} is there"
        if holder:
            return (
                f"{what} and belongs to another stack or checkout ({holder}); destroy that one "
                "first, or remove what it left, or give a stack that was renamed its name back: "
                f"{delete}"
            )
        return f"{what} and is not this stack's; use another cluster, or remove it: {delete}"
    return ""


def _typed(found: Mapping[str, Any]) -> str:
    """Return an object's kind as kubectl takes it: a custom one with version and group.

    Without them a kind that Kubernetes has as well would be taken for that.
    """
    kind, version = str(found["kind"]), str(found.get("apiVersion", "v1"))
    if schema.knows(version, kind) or "/" not in version:
        return kind.lower()
    group, _, number = version.partition("/")
    return f"{kind.lower()}.{number}.{group}"


def _name(found: Mapping[str, Any]) -> tuple[str, str]:
    return str(found["kind"]), str(found["metadata"]["name"])


def _holder(found: Mapping[str, Any]) -> str | None:
    """Return the mark that an object carries."""
    return (found["metadata"].get("annotations") or {}).get(ANNOTATION)


def _version(given: Mapping[str, Any]) -> tuple[int, int]:
    """Return major and minor; some clouds write the minor as `27+`."""
    numbers = [int(re.sub(r"\D.*", "", str(given.get(key, ""))) or 0) for key in ("major", "minor")]
    return numbers[0], numbers[1]
