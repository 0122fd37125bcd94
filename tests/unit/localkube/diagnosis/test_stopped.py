"""Stopped processes of a lab are known by their command lines and their parents'."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation import processes
from localkube import health
from localkube.diagnosis import stopped
from localkube.diagnosis.stopped import Member, Stopped, member
from localkube.spec import ClusterSpec
from localkube.supervisord_config import supervisord
from tests.support.waiting import eventually

LAB = Path("/x/.demo/west/lab")
OF_LAB = supervisord(LAB / "supervisord.conf")
UNSHARE = ["unshare", "--mount", "--pid", "--fork"]
FIRST = [*UNSHARE, "/py", "-m", "localkube.lab", str(LAB)]
ABOVE = [OF_LAB, FIRST, ["/sbin/init"]]


def node(cluster: str, ordinal: int = 1) -> list[list[str]]:
    """Command lines of a node's supervisord and its parents."""
    folder = LAB / "clusters" / cluster
    own = supervisord(folder / "nodes" / f"{cluster}-{ordinal}" / "supervisord.conf")
    carrier = [*UNSHARE, "/py", "-m", "localkube.inside.node", str(folder), str(ordinal)]
    return [own, carrier, *ABOVE]


RELAY = ["/py", "-m", "localkube.inside.relay", f"{LAB}/clusters/east-cluster"]
EGRESS = ["/py", "-m", "localkube.inside.egress"]
CONTROLLERS = ["/py", "-m", "localkube.inside.controllers", f"{LAB}/clusters/east-cluster"]


@pytest.mark.parametrize(
    ("lineage", "said"),
    [
        ([["/b/etcd", "--name=x"], *node("east-cluster")], "etcd of east-cluster"),
        ([["/b/kubelet"], *node("east-cluster", 2)], "kubelet of east-cluster-2"),
        ([CONTROLLERS, *node("east-cluster")], "controllers of east-cluster"),
        (node("east-cluster"), "supervisord of east-cluster"),
        (node("east-cluster")[1:], "unshare of east-cluster"),
        ([RELAY, *ABOVE], "relay of east-cluster"),
        ([EGRESS, *ABOVE], "egress of the lab"),
        (ABOVE, "supervisord of the lab"),
        (ABOVE[1:], "unshare of the lab"),
    ],
)
def test_a_process_is_called_by_what_it_runs_and_where(lineage: list[list[str]], said: str) -> None:
    known = member(lineage, LAB)
    assert str(known) == said


def test_a_process_of_a_pod_is_called_by_the_pod() -> None:
    lineage = [["/usr/bin/envoy"], ["/b/containerd-shim-runc-v2"], *node("east-cluster")]
    known = member(lineage, LAB, "tetrate-system/gateway-1")
    assert str(known) == "envoy in pod tetrate-system/gateway-1 of east-cluster"


@pytest.mark.parametrize(
    "lineage",
    [
        [["/b/etcd"], ["/sbin/init"]],
        [["sleep", "9"], supervisord(Path("/y/.demo/west/lab/supervisord.conf"))],
        [[*UNSHARE, "/py", "-m", "localkube.lab", "/y/.demo/west/lab"], ["/sbin/init"]],
    ],
    ids=["no lab's", "another lab's", "first of another lab"],
)
def test_what_is_of_no_lab_or_of_another_is_left_alone(lineage: list[list[str]]) -> None:
    assert member(lineage, LAB) is None


def test_a_cluster_needs_its_own_processes_and_the_labs() -> None:
    east = Stopped(1, Member("etcd", "east-cluster-1", "east-cluster"))
    west = Stopped(2, Member("etcd", "west-cluster-1", "west-cluster"))
    shared = Stopped(3, Member("supervisord"))
    assert stopped.concerning([east, west, shared], "east-cluster") == [east, shared]


def test_a_finding_names_process_and_remedy_and_that_a_drill_may_have_done_it() -> None:
    etcd = Stopped(7, Member("etcd", "east-cluster-1", "east-cluster")).finding("west")
    assert etcd.text == "etcd of east-cluster is stopped (SIGSTOP), pid 7"
    assert etcd.remedy == "./demo up west lets it go on"
    pod = Stopped(7, Member("envoy", "east-cluster-1", "east-cluster", "a/b")).finding("west")
    assert "drill" in pod.remedy


def test_a_pod_is_named_by_its_logs_folder_else_by_its_uid(tmp_path: Path) -> None:
    (tmp_path / "clusters/east/nodes/east-1/pods/a-space_a-pod_0123").mkdir(parents=True)
    assert stopped.pod_name("0123", tmp_path) == "a-space/a-pod"
    assert stopped.pod_name("4567", tmp_path) == "4567"


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[int]:
    """A stopped process that has the command line of a lab's supervisord."""
    wait = "import time; time.sleep(60)"
    words = supervisord(tmp_path / "supervisord.conf")[2:]
    with subprocess.Popen([sys.executable, "-c", wait, *words]) as process:
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: processes.is_stopped(process.pid), "it is stopped")
        yield process.pid
        process.kill()


def test_a_stopped_process_is_found_and_goes_on(frozen: int, tmp_path: Path) -> None:
    found = [Stopped(frozen, Member("supervisord"))]
    assert stopped.find(tmp_path) == found
    assert stopped.find(tmp_path / "other") == []
    assert stopped.resume(tmp_path, "east-cluster") == found
    assert not processes.is_stopped(frozen)
    assert stopped.find(tmp_path) == []


def test_looking_changes_nothing(frozen: int, tmp_path: Path) -> None:
    stopped.find(tmp_path)
    assert processes.is_stopped(frozen)


def test_a_cluster_with_a_stopped_process_is_not_healthy(
    frozen: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "ready_nodes", lambda *_: {"east-cluster-1": True})
    spec = ClusterSpec(str(tmp_path), "east-cluster", 1, 1, 6443)
    assert not health.is_healthy(spec, "")
    os.kill(frozen, signal.SIGCONT)
    eventually(lambda: not processes.is_stopped(frozen), "it goes on")
    assert health.is_healthy(spec, "")
