"""Claims of the embedded clusters get volumes: with their data for as long as the claim exists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from localkube import images
from tests.support.checkout import Checkout
from tests.support.waiting import eventually

CLUSTER = "east-cluster"
NAMESPACE = "volumes"
IN_NAMESPACE = ("--namespace", NAMESPACE)
WAIT_FOR_EVER = ["bash", "-c", "coproc read x; wait"]  # the image has bash and little else


def database() -> list[dict[str, Any]]:
    """A StatefulSet of one pod that runs as an ordinary user, with a claim from a template."""
    claim = {
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "10Mi"}},
        },
    }
    container = {
        "name": "database",
        "image": images.envoy(),
        "command": WAIT_FOR_EVER,
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    pod = {
        "metadata": {"labels": {"app": "database"}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsUser": 1234, "runAsGroup": 1234},
            "containers": [container],
        },
    }
    stateful = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "database", "namespace": NAMESPACE},
        "spec": {
            "serviceName": "database",
            "selector": {"matchLabels": {"app": "database"}},
            "template": pod,
            "volumeClaimTemplates": [claim],
        },
    }
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, stateful]


@pytest.fixture
def running(demo: Checkout, tmp_path: Path) -> Iterator[Checkout]:
    """The demo with the database beside it."""
    manifest = tmp_path / "database.yaml"
    manifest.write_text(yaml.safe_dump_all(database()))
    demo.kubectl(CLUSTER, "apply", "--filename", str(manifest))
    try:
        wait(demo)
        yield demo
    finally:
        demo.kubectl(CLUSTER, "delete", "namespace", NAMESPACE, "--timeout=60s")


def wait(demo: Checkout) -> None:
    command = ("rollout", "status", "statefulset/database", "--timeout=60s")
    demo.kubectl(CLUSTER, *IN_NAMESPACE, *command)


def in_pod(demo: Checkout, command: str) -> str:
    words = ("exec", "database-0", "--", "bash", "-c", command)
    return demo.kubectl(CLUSTER, *IN_NAMESPACE, *words).strip()


def volumes(demo: Checkout) -> list[dict[str, Any]]:
    found = json.loads(demo.kubectl(CLUSTER, "get", "persistentvolume", "--output=json"))
    return list(found["items"])


def folders(demo: Checkout) -> list[Path]:
    """The folders of the cluster's volumes on all its nodes."""
    return list(demo.lab().glob(f"clusters/{CLUSTER}/nodes/*/volumes/*"))


def test_data_outlive_the_pod_and_the_power_and_go_with_the_claim(running: Checkout) -> None:
    (volume,) = volumes(running)
    assert volume["status"]["phase"] == "Bound"
    assert [folder.name for folder in folders(running)] == [volume["metadata"]["name"]]

    in_pod(running, "echo written > /data/file")
    running.kubectl(CLUSTER, *IN_NAMESPACE, "delete", "pod", "database-0")
    wait(running)
    assert in_pod(running, "echo $(</data/file)") == "written"

    running.demo("local", "stop", CLUSTER)
    running.demo("local", "start", CLUSTER)
    eventually(lambda: answers(running), "the pod is back after a power cut")
    assert in_pod(running, "echo $(</data/file)") == "written"

    running.kubectl(CLUSTER, *IN_NAMESPACE, "delete", "statefulset", "database")
    assert len(volumes(running)) == 1  # as everywhere, claims outlive their StatefulSet
    running.kubectl(CLUSTER, *IN_NAMESPACE, "delete", "persistentvolumeclaim", "--all")
    eventually(lambda: not volumes(running), "the volume goes with its claim")
    assert folders(running) == []


def answers(demo: Checkout) -> bool:
    """Whether the pod runs a command."""
    words = ("exec", "database-0", "--", "bash", "-c", "echo it runs")
    output = demo.kubectl(CLUSTER, *IN_NAMESPACE, *words, check=False)
    return "it runs" in output.splitlines()


def test_every_cluster_has_one_default_class(demo: Checkout) -> None:
    for cluster in ("corp-edge", CLUSTER, "west-cluster"):
        found = demo.kubectl(cluster, "get", "storageclass", "--no-headers").splitlines()
        assert [line.split()[:2] for line in found] == [["standard", "(default)"]]
