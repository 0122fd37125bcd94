"""What is killed, lost or interrupted: the next `up` mends it, and nobody has to clean up."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from launcher.orphans import PROGRAMS
from localkube import machine
from tests.support import lab
from tests.support.checkout import CLUSTERS, Checkout, kill_session
from tests.support.traffic import answers_from
from tests.support.waiting import eventually

EAST, WEST = "east-cluster", "west-cluster"
CLUSTER = "pulumi-python:dynamic/localkube:Cluster"


def configuration(demo: Checkout, cluster: str) -> str:
    """What the command line of the supervisor of a cluster's first node ends with."""
    return f"clusters/{cluster}/nodes/{cluster}-1/supervisord.conf"


def resources(demo: Checkout, cluster: str) -> set[str]:
    """Names of the demo's Deployments in a cluster."""
    names = demo.kubectl(cluster, "get", "deployments", "--all-namespaces", "--output=name")
    return {name.rpartition("/")[2] for name in names.split()}


def serves(outputs: dict[str, Any], cluster: str) -> None:
    """Waits until a cluster takes part in the traffic."""
    eventually(lambda: answers_from(outputs) == cluster, f"{cluster} answers", 60)


def deleted(folder: Path) -> bool:
    """Deletes a folder in which others write; whether it is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


@pytest.mark.parametrize("program", lab.programs(EAST))
def test_a_killed_program_is_started_again(
    demo: Checkout, outputs: dict[str, Any], program: str
) -> None:
    words = lab.programs(EAST)[program]
    (killed,) = lab.named(demo.lab(), *words)
    os.kill(killed, signal.SIGKILL)

    def again() -> bool:
        now = lab.named(demo.lab(), *words)
        return bool(now) and now != [killed]

    eventually(again, f"{program} runs again")
    eventually(lambda: demo.demo("local", "status", check=False).code == 0, "all is well", 60)
    serves(outputs, EAST)


def test_a_killed_supervisor_of_a_node_brings_the_node_up_again(
    demo: Checkout, outputs: dict[str, Any]
) -> None:
    (supervisor,) = lab.named(demo.lab(), "supervisor.supervisord", configuration(demo, EAST))
    os.kill(supervisor, signal.SIGKILL)
    eventually(
        lambda: demo.demo("local", "status", check=False).code == 0, "all nodes are Ready", 60
    )
    serves(outputs, EAST)
    assert demo.preview() == []


def test_a_lab_without_power_is_drift_and_up_mends_it(
    demo: Checkout, outputs: dict[str, Any]
) -> None:
    lab.cut_power(demo.lab())
    eventually(lambda: machine.first_process(demo.lab()) is None, "the lab has ended")
    steps = demo.preview()
    assert {("update", f"{CLUSTER}::{name}") for name in CLUSTERS} <= set(steps)
    assert {operation for operation, _ in steps} == {"update"}
    demo.demo("up")
    for cluster in (EAST, WEST):
        serves(outputs, cluster)
    assert demo.preview() == []


def test_a_deleted_cluster_is_made_anew_with_all_that_was_in_it(
    demo: Checkout, outputs: dict[str, Any]
) -> None:
    demo.demo("local", "stop", EAST)
    shutil.rmtree(demo.lab() / "clusters" / EAST)
    assert ("replace", f"{CLUSTER}::{EAST}") in demo.preview()
    demo.demo("up")
    assert resources(demo, EAST) == {"coredns", "gateway", "web-portal"}
    serves(outputs, EAST)
    assert demo.preview() == []


def test_a_deleted_lab_is_made_anew_while_its_processes_run(demo: Checkout) -> None:
    eventually(lambda: deleted(demo.lab()), "the lab's folder is deleted")
    demo.demo("up")
    for cluster in CLUSTERS:
        assert "gateway" in resources(demo, cluster)
    for cluster in (EAST, WEST):
        serves(demo.outputs(), cluster)


def test_what_an_interrupted_update_did_not_note_down_is_taken_over_and_can_be_changed(
    demo: Checkout, outputs: dict[str, Any]
) -> None:
    lost = {
        f"kubernetes:{kind}::{EAST}/transaction-service/web-portal"
        for kind in ("apps/v1:Deployment", "core/v1:Service")
    }
    lost.add("pulumi-python:dynamic/answer:Answer::corp-edge-answer")  # comes after the objects
    urns = demo.demo("pulumi", "stack", "--show-urns").output.split()
    for urn in reversed(urns):  # what depends on another comes first
        if any(urn.endswith(each) for each in lost):
            demo.demo("pulumi", "state", "delete", "--yes", urn)
    assert set(demo.preview()) == {("create", each) for each in lost}
    demo.demo("up")
    serves(outputs, EAST)
    assert demo.preview() == []
    try:
        demo.demo("pulumi", "config", "set", "lbMode", "standby")
        demo.demo("up")
        serves(outputs, WEST)
    finally:
        demo.demo("pulumi", "config", "rm", "lbMode")
        demo.demo("up")
    serves(outputs, EAST)


def started_by_pulumi(demo: Checkout) -> set[int]:
    """Providers and programs of the copy."""
    lines = {process: lab.command_line(process) for process in lab.running()}
    return {
        process
        for process, line in lines.items()
        if str(demo.folder) in line and any(name in line for name in PROGRAMS)
    }


def test_up_killed_in_the_middle_is_finished_by_the_next_one(
    demo: Checkout, tmp_path: Path
) -> None:
    demo.demo("destroy")
    log = tmp_path / "up.log"
    process = demo.start("./demo", "up", log=log)
    eventually(lambda: bool(lab.named(demo.lab(), "kube-apiserver")), "an API server starts", 60)
    kill_session(process)
    left = started_by_pulumi(demo)
    assert left
    assert "The first update of stack west was killed" in demo.demo("up").output
    assert not left & started_by_pulumi(demo)
    for cluster in (EAST, WEST):
        serves(demo.outputs(), cluster)
    assert demo.preview() == []


def test_up_interrupted_by_the_keyboard_is_finished_by_the_next_one(
    demo: Checkout, tmp_path: Path
) -> None:
    demo.demo("destroy")
    process = demo.start("./demo", "up", log=tmp_path / "up.log")
    log = tmp_path / "up.log"
    eventually(lambda: "kubernetes:apps/v1:Deployment" in log.read_text(), "objects are made", 90)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) != 0
    assert "Traceback" not in log.read_text()
    demo.demo("up")
    for cluster in (EAST, WEST):
        serves(demo.outputs(), cluster)
