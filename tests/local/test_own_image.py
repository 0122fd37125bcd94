"""An image that no registry has: loaded before the clusters are there, unloaded, loaded again."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from localkube.image_layout import Image, write_archive
from tests.support.checkout import APPLICATION, Checkout
from tests.support.waiting import eventually

NAME = "own:1"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `docker save own:1` would write it."""
    bash = Path("/bin/bash")
    image = Image(f"docker.io/library/{NAME}", {"/bin/bash": bash}, ["/bin/bash"])
    file = tmp_path_factory.mktemp("images") / "own.tar"
    with tarfile.open(file, "w") as opened:
        write_archive(image, opened)
    return file


@pytest.fixture(scope="module")
def own(copy: Checkout, archive: Path) -> Iterator[Checkout]:
    """The copy, brought up with the image loaded."""
    copy.demo("destroy")
    said = copy.demo("local", "load", str(archive)).output
    assert f"docker.io/library/{NAME}" in said and "`./demo up` takes it along" in said
    copy.demo("up")
    yield copy
    copy.demo("destroy")


def run(demo: Checkout, cluster: str, name: str) -> None:
    """Runs a pod of the image, which nobody may pull."""
    command = ["run", name, f"--image={NAME}", "--image-pull-policy=Never", "--command", "--"]
    demo.kubectl(cluster, *command, "/bin/bash", "-c", "coproc read x; wait")


def waiting(demo: Checkout, cluster: str, name: str) -> str:
    """Why the pod's container waits; empty if it does not."""
    (status,) = json.loads(demo.kubectl(cluster, "get", "pod", name, "--output=json"))["status"][
        "containerStatuses"
    ]
    return str(status["state"].get("waiting", {}).get("reason", ""))


def ready(demo: Checkout, cluster: str, name: str) -> None:
    demo.kubectl(cluster, "wait", "pod", name, "--for=condition=Ready", "--timeout=60s")


@pytest.mark.parametrize("cluster", APPLICATION)
def test_clusters_that_come_up_have_it(own: Checkout, cluster: str) -> None:
    run(own, cluster, "early")
    ready(own, cluster, "early")


def test_it_is_unloaded_and_loaded_while_clusters_run(own: Checkout, archive: Path) -> None:
    cluster = APPLICATION[0]
    own.kubectl(cluster, "delete", "pod", "early", "--now")
    assert f"{cluster}-1 of stack west: done" in own.demo("local", "unload", NAME).output
    run(own, cluster, "late")
    eventually(
        lambda: waiting(own, cluster, "late") == "ErrImageNeverPull", "the image is gone", 60
    )
    own.demo("local", "load", str(archive))
    ready(own, cluster, "late")
    assert own.demo("local", "load").output == f"docker.io/library/{NAME}\n"
