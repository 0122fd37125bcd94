"""By what means faults are made: packets, processes, and those for clusters elsewhere."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drills import action
from drills.faults import (
    FAULTS,
    Fault,
    Means,
    Strike,
    named,
    network,
    processes,
)
from drills.faults.model import either
from drills.stack import EDGE, Stack
from foundation.errors import UserError
from localkube.spec import ClusterSpec
from tests.support.drill_stack import CLUSTERS, EAST, WEST, stack


def test_processes_are_found_by_their_pods_and_gateways_by_their_name(tmp_path: Path) -> None:
    strike = Strike(local_stack(tmp_path), EAST)
    group, other = strike.spec.members[0].cgroup, Strike(strike.stack, WEST).spec.members[0].cgroup
    running = {
        30: ("/usr/local/bin/envoy\0--service-cluster\0east-cluster", f"{group}/x/podu-1/c"),
        9: ("python\0app.py", f"{group}/kubepods/burstable/podu-2/c"),
        8: ("/pause", f"{group}/kubepods/burstable/podu-2/d"),
        7: ("containerd", f"{group}/containerd"),
        6: ("python\0app.py", f"{other}/kubepods/burstable/podu-2/c"),
    }
    for pid, (line, path) in running.items():
        (tmp_path / "proc" / str(pid)).mkdir(parents=True)
        (tmp_path / "proc" / str(pid) / "cmdline").write_text(line)
        (tmp_path / "proc" / str(pid) / "cgroup").write_text(f"1:cpu:{path}\n")
    proc = tmp_path / "proc"
    assert processes.envoys(strike, proc) == [30]
    assert processes.of_pods(strike, ["u-2"], proc) == [9]
    assert processes.of_pods(strike, ["u-2", "u-1"], proc) == [9, 30]
    assert processes.of_other_pods(strike, proc) == [9]


def test_traffic_has_longer_to_move_where_kubectl_strikes_or_steps_learn_for_themselves(
    tmp_path: Path,
) -> None:
    gone = named("gateway-gone")
    local = local_stack(tmp_path)
    here, there = gone.objectives_at(local), gone.objectives_at(stack(tmp_path / "no"))
    assert here == gone.objectives
    assert here.moved and there.moved and there.moved > here.moved
    assert (there.lost, there.slowest) == (here.lost, here.slowest)
    ramped = gone.objectives_at(dataclasses.replace(local, failback="ramped"))
    assert here.moved < (ramped.moved or 0.0) < there.moved
    assert named("control-plane-gone").objectives_at(stack(tmp_path / "no")).moved is None


def local_stack(folder: Path) -> Stack:
    """A stack whose clusters run on this machine, as their folders say."""
    for index, name in enumerate((EDGE, EAST, WEST)):
        spec = ClusterSpec(str(folder / "lab"), name, index, 1, 20000 + index)
        spec.folder.mkdir(parents=True)
        spec.save()
    return stack(folder)


def test_packets_vanish_both_ways_and_some_only_by_chance(tmp_path: Path) -> None:
    strike = Strike(local_stack(tmp_path), EAST)
    text = network.rules("region-cut", network.between(strike, CLUSTERS))
    assert text.startswith("*mangle\n:DRILL-region-cut ") and text.endswith("COMMIT\n")
    assert "-s 10.89.0.48/28 -j DROP" in text and "-d 10.89.0.48/28 -j DROP" in text
    assert "10.89.0.32/28" not in text  # its own nodes
    assert "statistic" not in text
    some = network.rules("packet-loss", network.between(strike, CLUSTERS, 0.05))
    assert "--probability 0.05 -j DROP" in some


def test_a_node_without_power_is_told_with_the_fix_of_its_cluster(tmp_path: Path) -> None:
    (node,) = Strike(local_stack(tmp_path / "east"), WEST).spec.members
    command = r"\./demo task fix -- cluster-power --cluster west-cluster --stack east$"
    with pytest.raises(UserError, match=command):
        network._inside(node, "iptables")


def test_the_edge_is_cut_off_from_its_own_api_server_only(tmp_path: Path) -> None:
    strike = Strike(local_stack(tmp_path), EDGE)
    text = network.rules("edge-control-cut", network.to_api_server(strike))
    assert "-s 10.89.0.16/28 -p tcp --dport 6443 -j DROP" in text
    assert "-I INPUT -j DRILL-edge-control-cut" in text
    assert "10.89.0.1/" not in text  # the operator's way in


def test_clusters_here_can_be_struck_as_if_they_were_elsewhere(tmp_path: Path) -> None:
    here = local_stack(tmp_path)
    assert here.is_local
    elsewhere = dataclasses.replace(here, elsewhere=True)
    assert not elsewhere.is_local
    assert "machine below" in named("cluster-power").unavailable(elsewhere)


def test_of_two_means_the_nearer_one_breaks_and_both_mend(tmp_path: Path) -> None:
    done: list[str] = []

    def means(name: str) -> Means:
        return Means(
            name,
            lambda strike: done.append(f"{name} breaks"),
            lambda strike: done.append(f"{name} mends"),
            remember=lambda strike: {"by": name},
        )

    both = either(local=means("machine"), elsewhere=means("kubectl"))
    here = Strike(local_stack(tmp_path), EAST)
    there = Strike(dataclasses.replace(here.stack, elsewhere=True), EAST)
    strange = Strike(stack(tmp_path / "none"), EAST)
    assert [both.remember(each)["by"] for each in (here, there)] == ["machine", "kubectl"]
    for each in (here, there, strange):
        both.break_(each)
    assert done == ["machine breaks", "kubectl breaks", "kubectl breaks"]
    done.clear()
    both.mend(there)  # as if they were somebody else's: the machine's means mend all the same
    both.mend(strange)
    assert done == ["machine mends", "kubectl mends", "kubectl mends"]


def test_what_takes_time_is_over_before_a_fault_counts_as_begun(tmp_path: Path) -> None:
    done: list[str] = []

    @contextlib.contextmanager
    def arm(strike: Strike) -> Iterator[Callable[[], None]]:
        done.append("armed")
        yield lambda: done.append("broken")
        done.append("over")

    def never(strike: Strike) -> None:
        raise AssertionError

    armed = Means("", never, never, arm=arm)
    strike = Strike(local_stack(tmp_path), EAST)
    for means in (armed, either(local=armed, elsewhere=Means("", never, never))):
        fault = dataclasses.replace(named("pods-errors"), means=means)
        action.make(fault, strike, lambda event: done.append("told"))
        assert done == ["armed", "told", "broken", "over"]
        done.clear()


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.means.machine], ids=lambda f: f.name)
def test_names_of_chains_are_short_enough(fault: Fault) -> None:
    assert len(network.PREFIX + fault.name) <= 28
