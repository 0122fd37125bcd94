"""cgroups, on folders that look like the kernel's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from localkube import LocalKubeError, cgroups


@pytest.fixture
def version1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    for name in ("memory", "cpuset"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").touch()
    (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-1")
    (tmp_path / "cpuset" / "cpuset.mems").write_text("0")
    return tmp_path


@pytest.fixture
def version2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    (tmp_path / "cgroup.procs").touch()
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids rdma")
    return tmp_path


def test_version_1_makes_the_cgroup_in_every_hierarchy(version1: Path) -> None:
    cgroups.create("/localkube/a/node")
    assert (version1 / "memory/localkube/a/node").is_dir()
    assert (version1 / "cpuset/localkube/a/node").is_dir()


def test_version_1_does_not_fill_what_the_kernel_did_not_make(version1: Path) -> None:
    # the kernel makes cpuset.cpus in each new folder; an ordinary file system does not
    cgroups.create("/localkube/a/node")
    assert not (version1 / "cpuset/localkube/a/node/cpuset.cpus").exists()


def test_version_1_copies_the_cpus_down_each_level(version1: Path) -> None:
    for level in ("localkube", "localkube/a", "localkube/a/node"):
        (version1 / "cpuset" / level).mkdir()
        for name in ("cpuset.cpus", "cpuset.mems"):
            (version1 / "cpuset" / level / name).touch()
    cgroups.create("/localkube/a/node")
    assert (version1 / "cpuset/localkube/a/node/cpuset.cpus").read_text() == "0-1"


def test_removing_takes_the_whole_tree_and_the_empty_parent(version1: Path) -> None:
    cgroups.create("/localkube/a/node")
    (version1 / "memory/localkube/a/node/kubepods/burstable").mkdir(parents=True)
    cgroups.remove("/localkube/a")
    assert not (version1 / "memory/localkube").exists()


def test_removing_leaves_another_labs_cgroups(version1: Path) -> None:
    cgroups.create("/localkube/a/node")
    cgroups.create("/localkube/b/node")
    cgroups.remove("/localkube/a")
    assert (version1 / "memory/localkube/b/node").is_dir()


def test_removing_says_which_processes_stay(version1: Path) -> None:
    cgroups.create("/localkube/a/node")
    # a folder that cannot be removed, as the kernel's while processes are in it
    (version1 / "memory/localkube/a/node/cgroup.procs").write_text(f"{os.getpid()}\n")
    name = Path("/proc/self/comm").read_text().strip()
    with pytest.raises(LocalKubeError) as stuck:
        cgroups.remove("/localkube/a", patience=0.1)
    assert f"{name} ({os.getpid()})" in str(stuck.value)
    assert str(stuck.value).endswith("then run the same command again")


def test_removing_goes_on_while_processes_end(
    version1: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cgroups.create("/localkube/a/node")
    file = version1 / "memory/localkube/a/node/cgroup.procs"
    file.write_text("\n".join(map(str, range(900001, 900011))))
    clock = [0.0]

    def sleep(_: float) -> None:
        """Lets time pass, almost as much as the patience, and one process end."""
        clock[0] += 0.9
        if left := file.read_text().split()[1:]:
            file.write_text("\n".join(left))
        else:
            file.unlink()

    monkeypatch.setattr(cgroups.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(cgroups.time, "sleep", sleep)
    cgroups.remove("/localkube/a", patience=1)
    assert clock[0] > 8
    assert not (version1 / "memory/localkube").exists()
    assert capsys.readouterr().err == (
        "waiting for the end of processes unknown (900007), unknown (900008), unknown (900009), "
        "unknown (900010)\n"
    )


def test_processes_that_keep_coming_are_no_progress(
    version1: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cgroups.create("/localkube/a/node")
    file = version1 / "memory/localkube/a/node/cgroup.procs"
    file.write_text("900001")
    clock = [0.0]

    def sleep(_: float) -> None:
        clock[0] += 0.5
        file.write_text("900001 900002" if clock[0] % 1 else "900003")

    monkeypatch.setattr(cgroups.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(cgroups.time, "sleep", sleep)
    with pytest.raises(LocalKubeError, match="did not end"):
        cgroups.remove("/localkube/a", patience=2)


@pytest.mark.parametrize(("controller", "name"), [("cpu", "cpu.shares"), ("", "cpu.weight")])
def test_pods_come_first_when_the_processor_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, controller: str, name: str
) -> None:
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    hierarchy = tmp_path / controller
    (hierarchy / "localkube" / "a").mkdir(parents=True)
    (hierarchy / "cgroup.procs").touch()
    if not controller:
        for level in (hierarchy, hierarchy / "localkube", hierarchy / "localkube/a"):
            (level / "cgroup.controllers").write_text("cpu")
    for level in (hierarchy, hierarchy / "localkube", hierarchy / "localkube/a"):
        (level / name).write_text("as before")
    (hierarchy / "localkube/a/relay").mkdir()
    (hierarchy / "localkube/a/relay/cgroup.controllers").write_text("")
    cgroups.join("/localkube/a/relay")
    assert (hierarchy / "localkube" / name).read_text() == cgroups.SHARES[name]
    assert (hierarchy / name).read_text() == "as before"
    assert (hierarchy / "localkube/a" / name).read_text() == "as before"
    assert (hierarchy / "localkube/a/relay/cgroup.procs").read_text() == "0"


def test_version_2_hands_the_kubelets_controllers_down(version2: Path) -> None:
    for level in ("localkube", "localkube/a", "localkube/a/node"):
        (version2 / level).mkdir()
        (version2 / level / "cgroup.controllers").write_text("memory")
    cgroups.create("/localkube/a/node")
    assert (version2 / "localkube/a/node/cgroup.subtree_control").read_text() == "+memory"
    # one write a controller, the last one stays in an ordinary file
    assert (version2 / "cgroup.subtree_control").read_text() in ("+cpu", "+memory", "+pids")


@pytest.mark.parametrize(
    ("kind", "processes", "handed_down", "missing"),
    [
        ("domain", "1\n27\n", "", ["cpu", "memory", "pids"]),  # a container's own
        ("domain", "1\n27\n", "cpu memory", ["pids"]),
        ("domain", "1\n27\n", "cpu memory pids", []),
        ("domain", "", "", []),  # its processes are in a child, as systemd has them
        (None, "1\n27\n", "", []),  # the machine's own top cgroup has no type
    ],
)
def test_version_2_hands_nothing_down_from_a_cgroup_with_processes(
    version2: Path, kind: str | None, processes: str, handed_down: str, missing: list[str]
) -> None:
    if kind:
        (version2 / "cgroup.type").write_text(kind)
    (version2 / "cgroup.procs").write_text(processes)
    (version2 / "cgroup.subtree_control").write_text(handed_down)
    assert cgroups.withheld(version2) == missing


def test_a_process_whose_name_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "cgroup.procs").write_text(f"{os.getpid()}\n")
    own = Path("/proc/self/comm")
    before = own.read_bytes()
    own.write_bytes("käse-und-brötchen".encode()[:13])  # the kernel keeps 15
    try:
        assert cgroups.processes(tmp_path) == {os.getpid(): "käse-und-br\ufffd"}
    finally:
        own.write_bytes(before.strip())
