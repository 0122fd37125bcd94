"""What SIGSTOP has stopped: `local status` names it and leaves it so, and `up` lets it go on."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from foundation import processes
from tests.local.test_damage import EAST, serves
from tests.support import lab
from tests.support.checkout import Checkout
from tests.support.waiting import eventually

SUPERVISORD = {"supervisord": ("supervisor.supervisord", f"{EAST}/nodes")}
PROGRAMS = lab.programs(EAST)
NEEDED = ("kube-apiserver", "etcd", "kubelet", "relay")
"""Without one of them the cluster does not answer, or is not Ready."""

ALONE = {name: PROGRAMS[name] for name in NEEDED} | SUPERVISORD
GROUPS = (("kube-apiserver", "kubelet"), ("etcd", "supervisord"), ("relay",))
"""All of ALONE; those together of which neither hides the other."""

TOGETHER = {name: words for name, words in PROGRAMS.items() if name not in NEEDED} | {
    "unshare": ("unshare", "localkube.inside.node", EAST)
}
"""Programs without which the cluster still looks well."""


def stop(demo: Checkout, *words: str) -> int:
    """Stops the first process with these words in its command line; returns its id."""
    process = lab.named(demo.lab(), *words)[0]
    os.kill(process, signal.SIGSTOP)
    eventually(lambda: processes.is_stopped(process), f"{words} is stopped")
    return process


def named_by_status(demo: Checkout) -> str:
    """What `local status` prints, which must say that something is wrong, as one line."""
    done = demo.demo("local", "status", check=False)
    assert done.code == 1, done.output
    assert max(map(len, done.output.splitlines())) <= 80
    return " ".join(done.output.split())


def mended(demo: Checkout, outputs: dict[str, Any], stopped: dict[str, int]) -> None:
    """Sees status name what is stopped, and leave it so, and `up` let it go on."""
    said = named_by_status(demo)
    for name, process in stopped.items():
        assert f"{name} is stopped (SIGSTOP), pid {process}" in said
        assert processes.is_stopped(process), "status changes nothing"
    printed = " ".join(demo.demo("up").output.split())
    for name, process in stopped.items():
        assert f"{name} is stopped (SIGSTOP), pid {process}: it goes on" in printed
        now = processes.status(process)
        assert now != "stopped" and not processes.is_over(now), "the same process goes on"
    eventually(lambda: demo.demo("local", "status", check=False).code == 0, "all is well", 60)
    serves(outputs, EAST)


@pytest.mark.parametrize("programs", GROUPS)
def test_stopped_programs_that_their_cluster_needs(
    demo: Checkout, outputs: dict[str, Any], programs: tuple[str, ...]
) -> None:
    mended(demo, outputs, {f"{each} of {EAST}": stop(demo, *ALONE[each]) for each in programs})


def test_the_stopped_first_processes_of_the_lab(demo: Checkout, outputs: dict[str, Any]) -> None:
    stopped = {
        "supervisord of the lab": stop(demo, "supervisor.supervisord", "lab/supervisord.conf"),
        "egress of the lab": stop(demo, "localkube.inside.egress"),
    }
    mended(demo, outputs, stopped)


def test_stopped_programs_without_which_the_cluster_looks_well(
    demo: Checkout, outputs: dict[str, Any]
) -> None:
    stopped = {f"{name} of {EAST}": stop(demo, *words) for name, words in TOGETHER.items()}
    mended(demo, outputs, stopped)
    assert demo.preview() == []


def test_stopped_processes_of_pods(demo: Checkout, outputs: dict[str, Any]) -> None:
    names = demo.kubectl(EAST, "get", "pods", "--namespace=tetrate-system", "--output=name").split()
    gateways = [name.removeprefix("pod/") for name in names]
    process = stop(demo, "envoy", "--service-cluster", EAST)
    shim = stop(demo, "containerd-shim-runc-v2")
    said = named_by_status(demo)
    assert any(
        f"envoy in pod tetrate-system/{name} of {EAST} is stopped" in said for name in gateways
    ), said
    assert processes.is_stopped(process)
    demo.demo("up")
    assert not processes.is_stopped(process) and not processes.is_stopped(shim)
    eventually(lambda: demo.demo("local", "status", check=False).code == 0, "all is well", 60)
    serves(outputs, EAST)
