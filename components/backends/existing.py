"""Backend `existing`: clusters that are there already, each a context of the user's kubeconfig."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pulumi

from components import kubectl
from components.backends import domain, inventory, kinds, mark, rights
from components.backends.contexts import Kubeconfig, files, missing
from components.backends.inventory import Item
from components.backends.kinds import Kind, Resource
from components.backends.protocol import MadeCluster
from components.backends.review import Seen, refusal
from components.documents import sources
from components.documents.origin import ManifestError
from components.routing.routes import routes
from components.settings.existing import ExistingSettings
from components.settings.exposure import Exposure
from components.settings.model import Platform, Settings
from foundation import lists
from foundation.commands import Failed
from foundation.contract import CLUSTER_DOMAIN, EDGE_CLUSTER
from foundation.errors import UserError
from foundation.pulumi_process import is_update


class ExistingBackend:
    """One context a cluster; nothing is made but the objects in it."""

    def __init__(self, settings: Settings, own: ExistingSettings) -> None:
        self._settings, self._own = settings, own
        self._kubeconfig = Kubeconfig(files(self._own.kubeconfig, self._own.root))
        self._seen: dict[str, Seen] = {}

    @property
    def exposure(self) -> Exposure:
        """How the gateways' Services are reached from outside."""
        return self._own.exposure

    @property
    def edge_names(self) -> tuple[str, ...]:
        """What `edgeAddress` says."""
        return (self._own.edge_host,) if self._own.edge_host else ()

    @property
    def https_port(self) -> int:
        """Port at which clients reach the edge."""
        return self._own.edge_port

    @property
    def mark(self) -> str:
        """What the stack's objects are known by."""
        organization, project = pulumi.get_organization(), pulumi.get_project()
        return mark.of(self._settings.stack, project, organization, os.environ)

    def check(self) -> None:
        """Look at all clusters at once. Raises UserError when one of them cannot be used."""
        contexts, known = self._own.contexts, self._kubeconfig.contexts()
        for cluster, context in contexts.items():
            if context not in known:
                raise missing(context, known, cluster, self._key(cluster))
        documents = sources.load(self._settings.manifest, later=_said_before)
        objects = self._objects(documents)
        own = kinds.defined(documents)
        with ThreadPoolExecutor(max_workers=len(contexts)) as pool:
            seen = list(pool.map(lambda name: self._look(name, objects[name], own), contexts))
        self._seen = {each.cluster: each for each in seen if each.uid}
        if text := refusal(seen, self.mark, self._own.may_share):
            raise UserError(text)
        self._check_mark(seen)

    def _check_mark(self, clusters: Iterable[Seen]) -> None:
        """Refuse a new stack whose mark may be that of one in another state backend.

        One that has objects keeps its mark: with another one they would not be its own any more.
        """
        is_new = not any(each.holds(self.mark) for each in clusters)
        if is_new and is_update() and mark.names_no_backend(pulumi.get_organization(), os.environ):
            raise UserError(
                "the state backend is that of `pulumi login`, and does not tell this stack's"
                f" objects from those of a stack {self._settings.stack} in another one; name it in"
                " PULUMI_BACKEND_URL (pulumi whoami --verbose prints it)"
            )

    def raw(self, cluster: str, path: str) -> str:
        """Return what a cluster that `check` has seen answers. Raises UserError."""
        try:
            return kubectl.ask(self._seen[cluster].kubeconfig, "get", "--raw", path)
        except Failed as error:
            context = self._own.contexts[cluster]
            raise UserError(f"{cluster} (context {context}): GET {path}: {error}") from None

    def make(self, name: str, parent: pulumi.Resource) -> MadeCluster:
        """Hand the context over; in a preview without its cluster nothing is known of it."""
        seen = self._seen.get(name)
        return MadeCluster(
            kubeconfig=seen.kubeconfig if seen else _unknown(),
            identity=seen.uid if seen else _unknown(),
            gateway_address=self._own.addresses.get(name),
            lives_in=None,
            mark=self.mark,
            domain=seen.domain if seen else CLUSTER_DOMAIN,
        )

    def _key(self, cluster: str) -> str:
        if cluster == EDGE_CLUSTER:
            return "edgeContext"
        return f"clusters[{self._settings.cluster_names.index(cluster) - 1}].context"

    def _objects(self, documents: Sequence[Mapping[str, Any]]) -> Mapping[str, list[Item]]:
        settings = self._settings
        found = sources.load(settings.online_banking_secret, later=_said_before)
        given = {each["metadata"]["name"]: each["metadata"].get("namespace") for each in found}
        wanted = routes(documents, own_gateways=settings.platform is Platform.ENVOY)
        named = {route.tls_secret: route.tls_namespace for route in wanted if route.tls_secret}
        secrets = [(name, given.get(name) or namespace) for name, namespace in named.items()]
        return inventory.inventory(settings, documents, secrets)

    def _look(self, cluster: str, items: list[Item], own: Mapping[Kind, Resource]) -> Seen:
        """Ask one cluster for all that the decision needs; never fails."""
        context = self._own.contexts[cluster]
        try:
            kubeconfig = self._kubeconfig.standalone(context)
            version = json.loads(kubectl.ask(kubeconfig, "get", "--raw", "/version"))
            served = kinds.served(kubeconfig, items)
            custom = kinds.custom(items, served, own)
            lacking = rights.denied(kubeconfig, items, custom)
            zone = domain.ask(kubeconfig)
            # the edge has no document of the manifest; what is destroyed may be gone already
            is_exempt = cluster == EDGE_CLUSTER or not is_update()
            others = [] if is_exempt else kinds.namespaces(items, custom)
            asked = [*others, *kinds.known(items, served)]
            there = [] if lacking else _there(kubeconfig, asked)
        except (Failed, ValueError) as error:
            return Seen(cluster, context, problem=str(error))
        unserved = [i for i in items if i not in custom and not kinds.builtin(i)]
        seen = Seen.of(cluster, context, kubeconfig, version, lacking, there, items, unserved)
        return replace(seen, domain=zone).beside(others)


def _there(kubeconfig: str, items: Iterable[Item]) -> list[dict[str, Any]]:
    """Return the objects of the list that the cluster has, and its own namespace kube-system.

    It has to know their kinds. Raises Failed.
    """
    documents = [
        {
            "apiVersion": item.version,
            "kind": item.kind,
            "metadata": {"name": item.name, **({"namespace": n} if (n := item.namespace) else {})},
        }
        for item in (Item("v1", "Namespace", "", "kube-system"), *items)
    ]
    command = ("get", "--filename=-", "--ignore-not-found", "--output=json")
    given, requests = lists.as_list(documents), len(documents)
    return lists.items(kubectl.ask(kubeconfig, *command, given=given, requests=requests))


def _said_before(error: ManifestError) -> None:
    """Ignore what `components.plan` has warned of."""


def _unknown() -> pulumi.Output[str]:
    """Return an output that a preview takes for one that the update will know."""
    value: asyncio.Future[str] = asyncio.Future()
    value.set_result("")
    known: asyncio.Future[bool] = asyncio.Future()
    known.set_result(False)
    return pulumi.Output(set(), value, known)
