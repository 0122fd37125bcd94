"""Labs whose folder is gone are found by their first process and their cgroup, and ended."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from types import SimpleNamespace

import pytest

from foundation import files
from localkube import cgroups, lab
from localkube.spec import lab_cgroup
from localkube.supervisord_config import Program, sections, supervisords
from tests.support.waiting import eventually


class Lab:
    """A process with the command line of a lab's first one, and a cgroup of its own."""

    def __init__(self, root: Path, cgroup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = root / ".demo" / "west" / "lab"
        self.folder.mkdir(parents=True)
        self.config = lab.config_file(self.folder)
        self.config.touch()
        self.cgroup = cgroup / lab_cgroup(self.folder).lstrip("/")
        words = ["supervisor.supervisord", "--nodaemon", "--configuration", str(self.config)]
        wait = "import time; time.sleep(60)"
        self.process = subprocess.Popen([sys.executable, "-c", wait, *words])
        eventually(lambda: (self.process.pid, self.config) in supervisords(), "it runs")

    def is_ended(self) -> bool:
        return self.process.poll() is not None


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(lab.tools, "cache_dir", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr(cgroups, "hierarchies", lambda: [tmp_path / "cgroup"])
    found = Lab(tmp_path / "checkout", tmp_path / "cgroup", monkeypatch)
    found.cgroup.mkdir(parents=True)
    yield found
    found.process.kill()
    found.process.wait()


def test_a_lab_without_its_folder_is_ended(made: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lab.end_abandoned() == [] and not made.is_ended(), "its folder is there"
    made.config.unlink()
    kill = os.kill

    def kill_and_reap(pid: int, number: int) -> None:
        kill(pid, number)
        made.process.wait()  # nobody but its parent, this test, reaps it

    monkeypatch.setattr(lab.os, "kill", kill_and_reap)
    assert lab.end_abandoned() == [made.folder]
    assert made.is_ended()
    assert not made.cgroup.exists() and not made.folder.exists()


def test_a_supervisord_without_a_labs_cgroup_is_somebody_elses(made: Lab) -> None:
    made.config.unlink()
    made.cgroup.rmdir()
    assert lab.end_abandoned() == []
    assert not made.is_ended()


def test_one_command_at_a_time_ends_a_lab_without_a_folder(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[Path] = []
    monkeypatch.setattr(lab, "destroy", ended.append)
    monkeypatch.setattr(lab, "abandoned", lambda: [] if ended else [tmp_path])
    cache.mkdir()
    with ThreadPoolExecutor() as threads:
        with files.locked(cache):
            both = [threads.submit(lab.end_abandoned) for _ in range(2)]
            assert not wait(both, 0.2).done and ended == []
        assert sorted(len(each.result()) for each in both) == [0, 1]
    lab.destroy_gone(tmp_path)
    assert ended == [tmp_path] * 2


def test_a_lab_that_runs_ends_abandoned_ones_too_before_it_looks_at_the_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    running = SimpleNamespace(is_up=lambda: True)
    monkeypatch.setattr(lab, "supervisor", lambda _: running)
    monkeypatch.setattr(lab, "end_abandoned", lambda: events.append("end") or [tmp_path])
    monkeypatch.setattr(lab.kernel, "prepare", lambda _: events.append("prepare"))
    assert lab.ensure(tmp_path / "lab") is running
    assert events == ["end", "prepare"]


@pytest.fixture
def others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab of another user's, who lets nobody look."""
    folder = tmp_path / "home" / ".demo" / "west" / "lab"
    stat = Path.stat

    def denied(path: Path, **options: bool) -> os.stat_result:
        if path.is_relative_to(tmp_path / "home") or str(path).startswith("/proc/4242/root"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(lab, "supervisords", lambda: [(4242, lab.config_file(folder))])
    monkeypatch.setattr(Path, "stat", denied)
    return folder


def test_the_lab_of_another_user_is_left_alone(
    others: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "exists", lambda _: True)
    assert lab.abandoned() == []


def test_beside_the_lab_of_another_user_ones_own_is_destroyed(
    others: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own" / "lab"
    own.mkdir(parents=True)
    noted: list[Path | None] = []
    monkeypatch.setattr(lab, "kill", lambda _: None)
    monkeypatch.setattr(lab.delegation, "stop", lambda _: None)
    monkeypatch.setattr(cgroups, "remove", lambda _: None)
    monkeypatch.setattr(lab.kernel, "restore", lambda _, other: noted.append(other))
    lab.destroy(own)
    assert noted == [None] and not own.exists()


def test_a_lab_that_starts_elsewhere_knows_no_programs_of_where_it_was(tmp_path: Path) -> None:
    now = tmp_path / "100%" / "now"
    groups = now / "groups"
    groups.mkdir(parents=True)
    for name, folder in (("east", now), ("west", tmp_path / "before")):
        text = sections(folder / "log", [Program("relay", ["x"])], group=name)
        lab.group_file(now, name).write_text(text)
    lab.group_file(now, "edge").touch()
    lab.forget_moved(now)
    assert {each.stem for each in groups.iterdir()} == {"east", "edge"}
