"""The room that a system of another distribution is entered in: what runs there ends with it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from foundation.errors import UserError
from tests.hosts.room import room
from tests.support.waiting import eventually


@pytest.fixture
def _root() -> None:
    if not shutil.which("pivot_root"):
        pytest.skip("pivot_root is not there: in package util-linux-extra of some systems")
    try_namespaces = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "true"]
    if os.geteuid() or subprocess.run(try_namespaces, check=False).returncode:
        pytest.skip("rooms need root and namespaces")


@pytest.mark.usefixtures("_root")
@pytest.mark.parametrize("problem", [None, KeyboardInterrupt, UserError])
def test_what_runs_in_a_room_ends_with_it(problem: type[BaseException] | None) -> None:
    folder, pid = Path(), 0
    try:
        with room() as made:
            folder, pid = made.root.parent, made.first
            code, said = made.enter(["sh", "-c", "sleep 600 & echo $!; mount -t tmpfs a /mnt"], 20)
            assert code == 0
            inside = Path(f"/proc/{pid}/root/proc")
            assert (inside / said.strip()).exists() and (inside / "1").exists()
            eventually(lambda: list(made.processes()) == ["process sleep"], "the orphan is seen")
            if problem:
                raise problem
    except BaseException as raised:
        assert type(raised) is problem
    assert folder.name.startswith("demo-") and not folder.exists()
    assert not Path(f"/proc/{pid}").exists()
    assert " /mnt " not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.usefixtures("_root")
def test_an_orphan_that_has_ended_is_reaped() -> None:
    with room() as made:
        assert made.enter(["sh", "-c", "sleep 0.1 & true"], 20) == (0, "")
        eventually(lambda: not list(made.processes()), "it is reaped", 5)


@pytest.mark.usefixtures("_root")
def test_a_command_that_takes_too_long_is_ended() -> None:
    with room() as made:
        assert made.enter(["sleep", "600"], 0.2) == (None, "")
        eventually(lambda: not list(made.processes()), "it has ended")


@pytest.mark.usefixtures("_root")
def test_who_enters_a_rooms_mount_namespace_is_in_its_system() -> None:
    smallest = """
        mkdir -p "$0/mnt" "$0/proc" "$0/sys" "$0/dev" "$0/run" "$0/usr" "$0/inside"
        for name in bin lib lib64; do ln -s usr/$name "$0/$name"; done
        mount --bind /usr "$0/usr"
    """
    with room() as made:
        assert made.enter(["sh", "-ec", smallest, str(made.root)], 20) == (0, "")
        made.mount()
        code, said = made.enter(
            ["sh", "-c", "ls -d / /inside; ls /mnt; echo $(ls /proc/1/comm)"], 20
        )
        assert (code, said.split()) == (0, ["/", "/inside", "/proc/1/comm"])
        code, _, said = made.run(["sh", "-c", "cat /proc/1/comm; pwd"], 20, folder=Path("/inside"))
        assert (code, said.split()) == (0, ["sleep", "/inside"])
        assert list(made.processes()) == []
    assert not made.root.exists()
    assert Path("/usr/bin").exists()
