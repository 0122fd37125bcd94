"""`./demo destroy` leaves nothing, whatever it finds."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from localkube import cgroups
from localkube.spec import lab_cgroup
from tests.local.test_stopped import ALONE, stop
from tests.support import lab
from tests.support.checkout import Checkout, is_free


@dataclass(frozen=True)
class Traces:
    """By what a lab would be seen after its end."""

    processes: list[int]
    namespaces: set[str]

    @staticmethod
    def of(folder: Path) -> Traces:
        """Traces of the lab that runs in a folder."""
        members = lab.processes(folder)
        return Traces(members, lab.namespaces(members))


def left(demo: Checkout, before: Traces) -> list[str]:
    """What is still there, for people; empty when nothing is."""
    folder = demo.lab()
    found = [
        f"process {process}: {lab.command_line(process)}"
        for process in lab.running()
        if lab.namespaces_of(process) & before.namespaces
        or str(demo.folder) in lab.command_line(process)
    ]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [f"mount {line}" for line in mounts if str(demo.folder) in line or "localkube" in line]
    group = lab_cgroup(folder).lstrip("/")
    tops = [hierarchy / group for hierarchy in cgroups.hierarchies()]
    found += [f"cgroup {top}" for top in tops if top.exists()]
    first = demo.ports["west"]
    found += [f"port {port}" for port in range(first, first + 5) if not is_free(port)]
    if demo.private().exists():
        found += [f"file {file}" for file in demo.private().rglob("*")] or [str(demo.private())]
    return found


def network() -> set[str]:
    """Links, addresses, routes and named namespaces of the host that look like a lab's."""
    shown = ""
    for command in (["link"], ["address"], ["route"]):
        done = subprocess.run(
            ["ip", "-oneline", *command], capture_output=True, text=True, check=True
        )
        shown += done.stdout
    ours = ("10.89.", "10.96.", "br0", "cni0", "veth", " n0-", " n1-", " n2-")
    named = {str(file) for file in Path("/run/netns").glob("*")}
    return named | {line for line in shown.splitlines() if any(word in line for word in ours)}


def test_nothing_of_a_running_lab_is_seen_in_the_hosts_network(demo: Checkout) -> None:
    assert lab.processes(demo.lab())
    assert not [line for line in network() if "10.89." in line or "10.96." in line]


def test_destroy_leaves_nothing(demo: Checkout) -> None:
    before, links = Traces.of(demo.lab()), network()
    assert len(before.processes) > 30 and len(before.namespaces) > 9
    demo.demo("destroy")
    assert left(demo, before) == []
    assert network() <= links
    assert demo.run("git", "status", "--porcelain").output == demo.run("git", "diff").output == ""


def test_destroy_again_has_nothing_to_do_and_succeeds(demo: Checkout) -> None:
    demo.demo("destroy")


def test_without_pulumis_state_a_stopped_lab_is_taken_down(demo: Checkout) -> None:
    demo.demo("up")
    before = Traces.of(demo.lab())
    stop(demo, *ALONE["kube-apiserver"])
    stop(demo, *ALONE["supervisord"])
    stop(demo, "supervisor.supervisord", "lab/supervisord.conf")
    shutil.rmtree(demo.folder / ".demo" / "pulumi")
    demo.demo("destroy")
    assert left(demo, before) == []


def test_a_dead_damaged_lab_is_destroyed_like_any_other(demo: Checkout) -> None:
    demo.demo("up")
    before = Traces.of(demo.lab())
    lab.cut_power(demo.lab())
    shutil.rmtree(demo.lab() / "clusters" / "east-cluster")
    demo.demo("destroy")
    assert left(demo, before) == []
