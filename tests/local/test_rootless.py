"""The clusters of an ordinary user: in a user namespace, whose root has no right on the machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from localkube import cgroups, rootless
from tests.support.checkout import CLUSTERS, checkout
from tests.support.user_namespace import Entered, entered

pytestmark = [
    pytest.mark.skipif(rootless.is_inside(), reason="all tests run in a user namespace already"),
    pytest.mark.skipif(
        cgroups.is_unified(cgroups.ROOT), reason="`python -m tests.hosts --boot` tries it"
    ),
]

DRILLS = ("workload-gone", "gateway-hangs", "cluster-power", "region-cut")
"""By the API server alone, by a signal, by ending processes, and by rules in a node's network."""


@pytest.fixture(scope="module")
def users() -> Iterator[Entered]:
    """A copy with stack west up, all of it in a user namespace."""
    with checkout() as copy, entered(copy) as inside:
        inside.demo("up")
        yield inside
        done = inside.demo("destroy")
        assert "has been removed" in done.output
        assert not inside.private().exists()
        assert not list(Path("/sys/fs/cgroup").glob("*/demo-rootless/localkube"))


def test_every_node_says_that_it_runs_in_a_user_namespace(users: Entered) -> None:
    for cluster in CLUSTERS:
        nodes = json.loads(users.kubectl(cluster, "get", "nodes", "--output=json"))["items"]
        infos = [node["status"]["nodeInfo"] for node in nodes]
        assert [info["runningInUserNamespace"] for info in infos] == [True]


@pytest.mark.parametrize("name", DRILLS)
def test_a_drill_strikes_as_predicted_and_heals(name: str, users: Entered) -> None:
    # what is lost and how fast, on a machine that has another lab beside this one, is not asked
    done = users.demo("task", "drill", "--", name, "--rate=20", check=False)
    assert "Prediction: right" in done.output, done.output
    assert re.search(r"^ *(met|MISSED) +lost: ", done.output, re.MULTILINE), done.output
    users.demo("task", "status")


def test_a_switch_is_in_force(users: Entered) -> None:
    users.demo("pulumi", "config", "set", "lbMode", "standby")
    users.demo("up")
    assert users.outputs()["lbMode"] == "standby"
