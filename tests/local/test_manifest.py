"""A manifest that grows and changes: what it holds is what clusters hold, and nothing else moves.

The tests follow one another: an application of a user's own is appended to the delivered one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from localkube import images
from tests.support.checkout import APPLICATION, Checkout, kill_session
from tests.support.shop import scaler, shop, text
from tests.support.waiting import eventually

EAST = "east-cluster"
IN_SHOP = ("--namespace", "shop")
FILE = "own.yaml"


class Manifest:
    """The delivered manifest with further documents, in force after `up`."""

    def __init__(self, demo: Checkout) -> None:
        self.demo = demo
        self.delivered = (demo.folder / "manifests" / "app.yaml").read_text()
        self.documents: list[dict[str, Any]] = []
        self._in_force: list[dict[str, Any]] | None = None

    def write(self, *documents: dict[str, Any]) -> None:
        """Append exactly these documents to the delivered manifest."""
        self.documents = list(documents)
        rest = f"\n---\n{text(self.documents)}" if documents else ""
        (self.demo.folder / FILE).write_text(self.delivered + rest)

    def up(self, *documents: dict[str, Any], check: bool = True) -> str:
        """Write the documents and bring them up; gives what was printed."""
        self.write(*documents)
        self._in_force = None
        done = self.demo.demo("up", check=check)
        if not done.code:
            self._in_force = deepcopy(self.documents)
        return done.output

    def has(self, *documents: dict[str, Any]) -> None:
        """Bring the documents up, unless they are in force."""
        if self._in_force != list(documents):
            self.up(*documents)


@pytest.fixture(scope="module")
def manifest(copy: Checkout, up: str) -> Iterator[Manifest]:
    copy.demo("pulumi", "config", "set", "manifest", FILE)
    made = Manifest(copy)
    yield made
    copy.demo("pulumi", "config", "rm", "manifest")
    (copy.folder / FILE).unlink()
    copy.demo("up")


def found(demo: Checkout, cluster: str, *kinds: str) -> dict[tuple[str, str, str], str]:
    """Return the uid of each object of these kinds, by kind, namespace and name."""
    items = json.loads(
        demo.kubectl(cluster, "get", ",".join(kinds), "--all-namespaces", "--output=json")
    )["items"]
    return {
        (i["kind"], i["metadata"]["namespace"], i["metadata"]["name"]): i["metadata"]["uid"]
        for i in items
        if not i["metadata"]["namespace"].startswith("kube-")
    }


KINDS = ("configmap", "service", "deployment", "horizontalpodautoscaler")


def kept(demo: Checkout, change: Callable[[], object]) -> None:
    """Assert that a change leaves each object there, and the same one."""
    before = {cluster: found(demo, cluster, *KINDS) for cluster in APPLICATION}
    change()
    for cluster in APPLICATION:
        after = found(demo, cluster, *KINDS)
        assert {key: after.get(key) for key in before[cluster]} == before[cluster]


def replicas(demo: Checkout, cluster: str = EAST) -> str:
    what = ("get", "deployment", "shop", "--output=jsonpath={.spec.replicas}")
    return demo.kubectl(cluster, *IN_SHOP, *what).strip()


def test_a_second_application_leaves_the_first_alone(manifest: Manifest) -> None:
    demo = manifest.demo
    kept(demo, lambda: manifest.up(*shop()))
    for cluster in APPLICATION:
        objects = found(demo, cluster, *KINDS)
        assert ("ConfigMap", "transaction-service", "cluster-info") in objects
        assert ("ConfigMap", "shop", "cluster-info") in objects
    assert "all is well" in demo.demo("task", "status").output


def test_a_workload_that_would_be_deleted_first_is_refused(manifest: Manifest) -> None:
    documents = shop()
    spec = documents[3]["spec"]
    for labels in (spec["selector"]["matchLabels"], spec["template"]["metadata"]["labels"]):
        labels["more"] = "yes"
    before = found(manifest.demo, EAST, "deployment")
    said = manifest.up(*documents, check=False)
    assert "Deployment shop in namespace shop: spec.selector is " in said
    assert found(manifest.demo, EAST, "deployment") == before


def test_a_third_one_of_the_same_names_leaves_the_second_alone(manifest: Manifest) -> None:
    demo = manifest.demo
    kept(demo, lambda: manifest.up(*shop(), *shop("shop-b", exposed=False)))
    assert ("Deployment", "shop-b", "shop") in found(demo, EAST, "deployment")


def test_an_object_of_another_version_is_updated_in_place(manifest: Manifest) -> None:
    demo = manifest.demo
    manifest.up(*shop(), scaler("autoscaling/v1"))
    assert "shop-b" not in demo.kubectl(EAST, "get", "namespaces", "--output=name")
    manifest.write(*shop(), scaler("autoscaling/v2"))
    assert {operation for operation, _ in demo.preview()} == {"update"}
    kept(demo, lambda: manifest.up(*manifest.documents))
    eventually(lambda: replicas(demo) == "2", "the autoscaler has two pods made", 60)


def test_an_autoscaler_keeps_its_replicas_through_a_change(manifest: Manifest) -> None:
    demo = manifest.demo
    eventually(lambda: replicas(demo) == "2", "the autoscaler has two pods made", 60)
    documents = [*shop(), scaler("autoscaling/v2")]
    documents[3]["spec"]["template"]["metadata"]["annotations"] = {"changed": "yes"}
    manifest.up(*documents)
    assert replicas(demo) == "2"


def test_an_autoscaler_that_is_gone_leaves_no_replicas_behind(manifest: Manifest) -> None:
    demo = manifest.demo
    manifest.has(*shop(), scaler("autoscaling/v2"))

    def all_replicas() -> list[str]:
        return [replicas(demo, cluster) for cluster in APPLICATION]

    eventually(lambda: all_replicas() == ["2", "2"], "the autoscalers have two pods made", 60)
    manifest.up(*shop())
    assert all_replicas() == ["1", "1"]
    assert not demo.preview()


def test_what_was_scaled_by_hand_is_named_and_mended_by_one_command(manifest: Manifest) -> None:
    demo = manifest.demo
    manifest.has(*shop())
    demo.kubectl(EAST, *IN_SHOP, "scale", "deployment", "shop", "--replicas=0")
    status = demo.demo("task", "status", check=False)
    assert status.code and "spec.replicas is 0" in status.output
    demo.demo("task", "heal-all")
    assert replicas(demo) == "1"


def test_what_kubectl_added_is_named_by_the_preview(manifest: Manifest) -> None:
    demo = manifest.demo
    manifest.has(*shop())
    demo.kubectl(EAST, *IN_SHOP, "rollout", "restart", "deployment/shop")
    said = demo.demo("pulumi", "preview", "--stack", "west").output
    assert "east-cluster: Deployment shop in namespace shop has" in said
    assert "restartedAt] by kubectl-rollout" in said
    demo.demo("task", "heal-all")
    assert "restartedAt" not in demo.demo("pulumi", "preview", "--stack", "west").output


def restarted(demo: Checkout) -> str:
    template = "jsonpath={.spec.template.metadata.annotations}"
    return demo.kubectl(EAST, *IN_SHOP, "get", "deployment", "shop", f"--output={template}")


def test_what_kubectl_added_stays_until_the_object_itself_changes(manifest: Manifest) -> None:
    demo = manifest.demo
    manifest.has(*shop())
    demo.kubectl(EAST, *IN_SHOP, "rollout", "restart", "deployment/shop")
    documents = shop()
    documents[1]["data"]["more"] = "of another object"
    manifest.up(*documents)
    assert "restartedAt" in restarted(demo)
    documents[3]["spec"]["template"]["metadata"]["annotations"] = {"changed": "yes"}
    manifest.up(*documents)
    assert "restartedAt" not in restarted(demo)
    manifest.up(*shop())


def job(name: str, **spec: Any) -> dict[str, Any]:
    """Return a Job with the labels of the Deployment shop, as one that prepares its data has."""
    container = {"name": "only", "image": images.envoy(), "command": ["envoy", "--version"]}
    pod = {"restartPolicy": "Never", "containers": [container]}
    template = {"metadata": {"labels": {"app": "shop", "batch": name}}, "spec": pod}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"template": template, **spec},
    }


def volume(demo: Checkout) -> str:
    path = "jsonpath={.spec.template.spec.volumes[0].configMap.name}"
    return demo.kubectl(EAST, *IN_SHOP, "get", "deployment", "shop", f"--output={path}")


def test_what_an_update_that_was_killed_has_made_is_applied_again(
    manifest: Manifest, tmp_path: Path
) -> None:
    demo, documents = manifest.demo, shop()
    manifest.has(*shop())
    documents[3]["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"] = "not-there"
    manifest.write(*documents)
    process = demo.start("./demo", "up", log=tmp_path / "up.log")
    eventually(lambda: volume(demo) == "not-there", "the Deployment has changed", 60)
    kill_session(process)
    said = manifest.up(*shop())
    assert "east-cluster: Deployment shop/shop is applied again" in said
    assert volume(demo) == "shop"


def test_what_kubectl_apply_does_not_wait_for_holds_nothing_up(manifest: Manifest) -> None:
    demo = manifest.demo
    backend = {"service": {"name": "shop", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    own = {"name": "shop", "namespace": "shop"}
    storage = {"requests": {"storage": "1Mi"}}
    documents = [
        *shop(),
        job("collected", ttlSecondsAfterFinished=0),
        job("suspended", suspend=True),
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": own,
            "spec": {"rules": [{"host": "other.example.com", "http": {"paths": [path]}}]},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": own,
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": storage},
        },
    ]
    documents.insert(1, documents.pop(4))  # before the workload that it looks like
    manifest.up(*documents)
    jobs = ("get", "jobs", "--output=name")
    eventually(
        lambda: demo.kubectl(EAST, *IN_SHOP, *jobs).split() == ["job.batch/suspended"],
        "the finished Job is collected",
        90,
    )
    manifest.up(*documents)
    assert "all is well" in demo.demo("task", "status").output
    manifest.up(*shop())


def test_an_update_fails_when_an_object_is_not_there(manifest: Manifest) -> None:
    demo = manifest.demo
    manifest.has(*shop())
    demo.kubectl(EAST, *IN_SHOP, "delete", "configmap", "cluster-info")
    done = demo.demo("up", check=False)
    assert done.code == 1
    assert "east-cluster: ConfigMap shop/cluster-info is missing" in done.output
    demo.demo("task", "heal-all")
    demo.demo("up")


def test_a_failed_update_says_why_pods_are_not_ready(manifest: Manifest) -> None:
    documents = shop()
    deployment = documents[3]
    deployment["metadata"]["annotations"] = {"pulumi.com/timeoutSeconds": "5"}
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    volumes[0]["configMap"]["name"] = "not-there"
    deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 0
    said = manifest.up(*documents, check=False)
    assert "east-cluster: pod shop/shop-" in said
    assert 'is not ready: FailedMount: MountVolume.SetUp failed for volume "configuration"' in said
    manifest.up(*shop())
