"""The unit of a lab's cgroups, with programs in systemd's place that note what they are told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from localkube import cgroups, delegation, programs
from localkube.spec import ClusterSpec, lab_cgroup, lab_id

LAB = Path("/somewhere/lab")
UNIT = f"localkube-{lab_id(LAB)}.service"
STARTS = f"""mkdir -p "$ROOT/{UNIT}/keeper"; echo 7 > "$ROOT/{UNIT}/keeper/cgroup.procs" """


class Machine:
    """One with a tree of version 2 and systemd, both in a folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "cgroup"
        self.bin = folder / "bin"
        self.told = folder / "told"
        for each in (self.root, self.bin, folder / "booted"):
            each.mkdir()
        (self.root / "cgroup.controllers").write_text("cpu memory")
        (self.root / "cgroup.procs").touch()
        self.program("systemd-run", STARTS)
        self.program("systemctl", f'rm -r "$ROOT/{UNIT}"')

    def program(self, name: str, does: str) -> None:
        text = f'#!/bin/sh\nROOT={self.root}\necho {name} "$*" >> {self.told}\n{does}\n'
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setattr(cgroups, "ROOT", made.root)
    monkeypatch.setattr(delegation, "BOOTED", tmp_path / "booted")
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    return made


def test_a_lab_gets_a_unit_once_and_its_cgroups_are_in_it(machine: Machine) -> None:
    assert lab_cgroup(LAB) == f"/localkube/{lab_id(LAB)}"
    for _ in range(2):
        assert delegation.start(lab_id(LAB), f"Pods of {LAB}") == ""
        assert lab_cgroup(LAB) == f"/{UNIT}"
    (command,) = machine.told.read_text().split("systemd-run ")[1:]
    assert command.startswith(f"--quiet --collect --unit={UNIT} --description=Pods of {LAB}")
    assert "--property=Delegate=yes --property=CPUWeight=10000 " in command
    assert "echo $$$$ > " in command and 'mkdir "$$here' in command, "for systemd expands dollars"


def test_a_kubelet_is_told_the_cgroup_that_its_node_has_when_it_starts(
    machine: Machine, tmp_path: Path
) -> None:
    lab = tmp_path / "lab"
    (node,) = ClusterSpec(str(lab), "east", 0, 1, 9000, {}).members
    programs.write(node)  # before the first cluster of a lab has made its unit
    machine.program("systemd-run", STARTS.replace(UNIT, f"localkube-{lab_id(lab)}.service"))
    assert delegation.start(lab_id(lab), "") == ""
    programs.set_cgroup(node)
    told = json.loads((node.folder / "kubelet.yaml").read_text())
    assert told["cgroupRoot"] == f"/localkube-{lab_id(lab)}.service/east-1" == node.cgroup
    assert told["kind"] == "KubeletConfiguration"


def test_the_unit_ends_with_the_lab_and_nothing_is_stopped_without_one(machine: Machine) -> None:
    delegation.stop(lab_id(LAB))
    assert not machine.told.exists()
    delegation.start(lab_id(LAB), "")
    delegation.stop(lab_id(LAB))
    assert machine.told.read_text().splitlines()[-1] == f"systemctl stop {UNIT}"
    assert not cgroups.exists(lab_cgroup(LAB))


@pytest.mark.parametrize(
    ("does", "problem"),
    [
        ("echo Failed to connect to bus >&2; exit 1", "`systemd-run`: Failed to connect to bus"),
        ("exec sleep 60", "`systemd-run`: no answer in 0.3 s"),
        ("true", f"its unit {UNIT} did not start within "),
    ],
)
def test_why_there_is_no_unit_is_said(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, does: str, problem: str
) -> None:
    monkeypatch.setattr(delegation, "SECONDS", 30 if "exit" in does else 0.3)
    machine.program("systemd-run", does)
    assert delegation.start(lab_id(LAB), "").startswith(problem)
    assert lab_cgroup(LAB) == f"/localkube/{lab_id(LAB)}"


@pytest.mark.parametrize("lacks", ["cgroup/cgroup.controllers", "booted", "bin/systemd-run"])
def test_without_systemd_or_its_tree_there_is_no_unit(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    monkeypatch.setenv("PATH", str(machine.bin))
    (tmp_path / lacks).rename(tmp_path / "away")
    assert delegation.start(lab_id(LAB), "") == ""
    assert not machine.told.exists()
