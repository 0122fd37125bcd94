"""Backend gke whole, on a stand-in for Google: real engine, real Kubernetes provider and clusters.

What the stand-in cannot tell: whether Google takes the inputs, and how long it takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from localkube import lab
from tests.local.conftest import unable
from tests.support import live_page
from tests.support.checkout import APPLICATION, Checkout, checkout, free_run
from tests.support.gcp import setup
from tests.support.gcp.cloud import Cloud
from tests.support.google import pulumi_gcp  # noqa: F401 - a fixture
from tests.support.isolation import PROJECT
from tests.support.traffic import Traffic, ask, served
from tests.support.waiting import eventually

ALL = ("corp-edge", *APPLICATION)


@dataclass
class UsersStack:
    """A checkout whose stack west is to be on Google Cloud, and the folder that is Google Cloud."""

    copy: Checkout
    folder: Path
    edge: int
    """Port at which the host reaches the edge."""

    def configure(self, **values: Any) -> None:
        """Writes the stack's settings: those of this test, and `values`."""
        given = {
            "backend": "gke",
            "gkeProject": "my-demo-1",
            "activeCluster": "west-cluster",
            "edgeAddress": f"127.0.0.1:{self.edge}",
            "gkeDeletionProtection": True,
            **values,
        }
        keys = {f"{PROJECT}:{key}": value for key, value in given.items()}
        (self.copy.folder / "Pulumi.west.yaml").write_text(yaml.safe_dump({"config": keys}))

    def left(self) -> Counter[str]:
        """Types of all that is there."""
        found = Cloud(self.folder).objects()
        return Counter(each["type"].rpartition(":")[2] for each in found)

    def journal(self) -> list[str]:
        """What was made, changed and taken away, in order."""
        return (self.folder / "journal").read_text().splitlines()


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory,
    pulumi_gcp: None,  # noqa: F811
) -> Iterator[UsersStack]:
    folder = tmp_path_factory.mktemp("google")
    if reason := unable(folder):
        pytest.skip(reason)
    first = free_run(5)
    edge = first + len(ALL)
    setup.prepare(folder, first, {edge: 443, edge + 1: 80})
    try:
        with checkout(["gke"]) as copy:
            path = copy.environment["PATH"]
            copy.environment |= setup.environment(folder, copy.folder, path)
            made = UsersStack(copy, folder, edge)
            made.configure()
            yield made
    finally:
        lab.destroy(folder / "lab")


@pytest.fixture(scope="module")
def outputs(stack: UsersStack) -> dict[str, Any]:
    """Outputs of the stack, which is up."""
    stack.copy.demo("up")
    return stack.copy.outputs()


def test_up_makes_all_of_it_and_both_clusters_answer(
    stack: UsersStack, outputs: dict[str, Any]
) -> None:
    assert outputs["url"] == f"https://127.0.0.1:{stack.edge}/web-portal"
    assert stack.left() == Counter(
        Service=4, Network=1, Account=1, IAMMember=5, Subnetwork=3, Router=3, RouterNat=3,
        Cluster=3, NodePool=3,
    )  # fmt: skip
    answers = ask(outputs, 20)
    assert not [answer for answer in answers if answer.lost]
    assert set(served(answers)) == set(APPLICATION)


def test_the_stacks_kubeconfig_gets_in_by_googles_plugin(
    stack: UsersStack, outputs: dict[str, Any]
) -> None:
    config = yaml.safe_load(Path(outputs["kubeconfig"]).read_text())
    assert {c["name"] for c in config["contexts"]} == set(ALL)
    for user in config["users"]:
        assert user["user"]["exec"]["command"] == "gke-gcloud-auth-plugin"
    for name in ALL:
        assert "gateway" in stack.copy.kubectl(name, "-n", "tetrate-system", "get", "pods")


def test_the_live_picture_is_whole(
    stack: UsersStack, outputs: dict[str, Any], tmp_path: Path
) -> None:
    with live_page.served(stack.copy, tmp_path) as page:
        serving = dict.fromkeys(APPLICATION, "serving")
        eventually(lambda: not ask(outputs, 20)[0].lost and page.states() == serving, "both serve")


def test_nothing_has_drifted(stack: UsersStack, outputs: dict[str, Any]) -> None:
    before = stack.journal()
    stack.copy.demo("pulumi", "refresh", "--yes", "--skip-preview", "--expect-no-changes")
    stack.copy.demo("pulumi", "preview", "--expect-no-changes")
    assert stack.journal() == before


def test_a_switch_leaves_google_alone_and_loses_nothing(
    stack: UsersStack, outputs: dict[str, Any]
) -> None:
    before = stack.journal()
    stack.configure(lbMode="standby")
    with Traffic(outputs) as traffic:
        stack.copy.demo("up")
    assert traffic.lost == []
    assert set(served(ask(outputs, 20))) == {"west-cluster"}
    assert stack.journal() == before


def test_protected_clusters_are_freed_in_their_place(
    stack: UsersStack, outputs: dict[str, Any]
) -> None:
    before = len(stack.journal())
    stack.configure(lbMode="standby", gkeDeletionProtection=False)
    stack.copy.demo("up")
    changes = [line.split(" ")[:2] for line in stack.journal()[before:]]
    assert changes == [["update", "Cluster"]] * 3


def test_destroy_leaves_nothing_that_costs_money(
    stack: UsersStack, outputs: dict[str, Any]
) -> None:
    before = len(stack.journal())
    # the stand-in refuses to delete nodes and clusters while a load balancer is left
    stack.copy.demo("destroy")
    assert stack.left() == Counter()
    assert not (stack.folder / "lab").exists()
    gone = [line.split(" ")[1] for line in stack.journal()[before:]]
    assert gone.count("NodePool") == gone.count("Cluster") == 3
    for line, what in enumerate(gone):
        if what == "Cluster":
            assert gone[:line].count("NodePool") > gone[:line].count("Cluster")
    assert gone.index("Network") > max(i for i, what in enumerate(gone) if what == "Subnetwork")
