"""The law of identity: after any two updates, clusters hold what the second manifest holds.

By the real engine, with a provider that keeps objects as an API server does. One stack has many
clusters, each with manifests of its own, so that each update tries many pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from pulumi import automation

from components.application.objects import objects, taken
from components.backends.protocol import MadeCluster
from components.clusters.application import Application
from components.clusters.cluster import Cluster
from components.routing.routes import PREFIX, is_exposed
from components.routing.targets import ApplicationCluster
from components.settings.model import Platform
from foundation.identity import Identity, identity_of
from tests.components.conftest import kubeconfig
from tests.engine.conftest import new_stack
from tests.support.object_store import ObjectStore, key_of, serving

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1200)]

CLUSTERS = 25
UPDATES = 4
EXAMPLES = 2

NAMES = ("shop", "shop-b", "shop-pods", "cluster-info", "s" * 63)
NAMESPACES = ("shop", "shop-b", "default", "", None)
VERSIONS = {
    ("", "ConfigMap"): ("v1",),
    ("", "Service"): ("v1",),
    ("apps", "Deployment"): ("v1",),
    ("autoscaling", "HorizontalPodAutoscaler"): ("v1", "v2", "v2beta2"),
    ("shop.example.com", "Cart"): ("v1alpha1", "v1", "v2024"),
    ("rbac.authorization.k8s.io", "ClusterRole"): ("v1",),
}

Document = dict[str, Any]


@some.composite
def document(draw: some.DrawFn) -> Document:
    """Draw one object: any kind, version, name and namespace, and a content that tells it apart."""
    group, kind = draw(some.sampled_from(sorted(VERSIONS)))
    version = draw(some.sampled_from(VERSIONS[group, kind]))
    metadata: Document = {"name": draw(some.sampled_from(NAMES))}
    namespace = draw(some.sampled_from(NAMESPACES))
    if namespace is not None and kind != "ClusterRole":
        metadata["namespace"] = namespace
    api = f"{group}/{version}" if group else version
    spec: Document = {"content": draw(some.integers(0, 2))}
    if kind == "Service":
        spec |= {"selector": {"app": "shop"}, "ports": [{"port": 80}]}
        if draw(some.booleans()):
            metadata["annotations"] = {f"{PREFIX}host": "shop.example.com"}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


@some.composite
def manifest(draw: some.DrawFn) -> list[Document]:
    """Draw the documents of a manifest that the program takes, in any order."""
    found = draw(some.lists(document(), max_size=6, unique_by=identity_of))
    used = {identity_of(each).namespace for each in found} - {"", "default"}
    made = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        for name in sorted(used)
    ]
    # A manifest with an object of a headless twin's name is refused before anything is changed.
    return [*made, *found] if taken(found) is None else made


class Backend:
    """Clusters of the object store: all that is put into one carries its name."""

    def make(self, name: str, parent: pulumi.Resource) -> MadeCluster:
        return MadeCluster(kubeconfig(name), name, None, None, mark=name)


class Clusters:
    """One stack of many clusters, each with a manifest."""

    def __init__(self, store: ObjectStore, folder: Path) -> None:
        self.store = store
        self.manifests: dict[str, list[Document]] = {}
        self.stack = new_stack(folder, self._program)

    def _program(self) -> None:
        for name, documents in self.manifests.items():
            made = Cluster(name, "us-east1", Backend())  # type: ignore[arg-type]
            place = ApplicationCluster(name, "us-east1")
            Application(made, place, documents, 100, Platform.ENVOY)

    def wanted(self, cluster: str) -> dict[Identity, Document]:
        """Return what a cluster should hold: the manifest's objects, and those of the demo's own.

        A Service that is exposed gets its weight as an annotation; all else is as it was written.
        """
        place = ApplicationCluster(cluster, "us-east1")
        own = objects(self.manifests[cluster], place, 100, Platform.ENVOY)
        theirs = {identity_of(d): d for d in self.manifests[cluster] if not is_exposed(d)}
        return {identity_of(each): each for each in own} | theirs


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clusters]:
    store = ObjectStore()
    with serving(store) as port, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULUMI_DEBUG_PROVIDERS", f"kubernetes:{port}")
        made = Clusters(store, tmp_path_factory.mktemp("law"))
        yield made
        made.stack.destroy()
        assert not store.of("cluster-0"), "teardown leaves nothing"


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(
    max_examples=EXAMPLES,
    phases=[Phase.generate],  # to make a failure smaller would take hundreds of updates
    suppress_health_check=list(HealthCheck),
)
@given(some.lists(some.lists(manifest(), min_size=CLUSTERS, max_size=CLUSTERS), min_size=UPDATES,
                  max_size=UPDATES))  # fmt: skip
def test_after_each_update_clusters_hold_what_the_manifest_holds(
    clusters: Clusters, steps: list[list[list[Document]]]
) -> None:
    for manifests in steps:
        clusters.manifests = {f"cluster-{i}": each for i, each in enumerate(manifests)}
        planned, done = Operations(), Operations()
        clusters.stack.preview(on_event=planned.note)
        clusters.stack.up(on_event=done.note)
        assert planned.by_object == done.by_object, "the preview says what will happen"
        undone = {key: ops for key, ops in done.by_object.items() if len(ops) > 1}
        assert not undone, "an object is created, updated or deleted, and only one of them"
        for name in clusters.manifests:
            live = {known: content(each) for known, each in clusters.store.of(name).items()}
            wanted = {known: content(each) for known, each in clusters.wanted(name).items()}
            assert live == wanted, name


def content(document: Document) -> Document:
    """Return what a document says of its object, without annotations, which the program adds."""
    return {key: value for key, value in document.items() if key not in ("metadata", "kind")}


class Operations:
    """What the engine says that it does to each object."""

    def __init__(self) -> None:
        self.by_object: dict[Any, set[str]] = defaultdict(set)

    def note(self, event: automation.EngineEvent) -> None:
        """Keep the operation of an event, unless it leaves the object as it is."""
        step = event.resource_pre_event and event.resource_pre_event.metadata
        if not step or not step.type.startswith("kubernetes:") or step.op == "same":
            return
        state = step.new or step.old
        assert state is not None
        self.by_object[key_of(state.inputs or {})].add(str(step.op))
