"""What memory a process may have: of the machine, and below the limits of its cgroups."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from foundation import memory

MB = 1000**2


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the cgroups; the machine has 800 MB available, 200 of swap, 2 GB in all."""
    machine = SimpleNamespace(available=800 * MB, total=2000 * MB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)
    monkeypatch.setattr(psutil, "swap_memory", lambda: SimpleNamespace(free=200 * MB))
    monkeypatch.setattr(memory, "ROOT", tmp_path)
    return tmp_path


def write(folder: Path, files: Mapping[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def version_1(limit: int, used: int, caches: int) -> dict[str, str]:
    stat = f"cache 1\ninactive_file 7\ntotal_inactive_file {caches}\ntotal_active_file 0\n"
    return {
        "memory.limit_in_bytes": f"{limit}\n",
        "memory.usage_in_bytes": f"{used}\n",
        "memory.stat": stat,
    }


def version_2(limit: int | str, used: int, caches: int) -> dict[str, str]:
    stat = f"anon 1\ninactive_file 0\nactive_file {caches}\n"
    return {"memory.max": f"{limit}\n", "memory.current": f"{used}\n", "memory.stat": stat}


@pytest.mark.parametrize("made", [version_1, version_2])
def test_the_tightest_of_machine_and_limits_is_what_may_be_had(
    root: Path, monkeypatch: pytest.MonkeyPatch, made: object
) -> None:
    assert callable(made)
    write(root / "user", made(700 * MB, 400 * MB, 100 * MB))
    group = write(root / "user" / "shell", made(600 * MB, 50 * MB, 0))
    monkeypatch.setattr(memory, "group_of", lambda _: group)
    found = memory.available()
    assert found.amount == 400 * MB, "caches are given up for processes"
    assert found.limit and found.limit.file.parent == root / "user"
    assert memory.whole() == 600 * MB


@pytest.mark.parametrize("limit", ["max", str(memory.UNLIMITED * 7)])
def test_without_a_limit_it_is_what_the_machine_has(
    root: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    name = "memory.max" if limit == "max" else "memory.limit_in_bytes"
    monkeypatch.setattr(memory, "group_of", lambda _: write(root, {name: limit}))
    assert memory.available() == memory.Available(1000 * MB)
    assert memory.whole() == 2000 * MB


def test_a_cgroup_that_cannot_be_seen_limits_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "group_of", lambda _: None)
    assert memory.available() == memory.Available(1000 * MB)


def test_where_a_container_shows_its_own_cgroup_as_root_that_is_taken(root: Path) -> None:
    group = write(root / "memory", {"memory.limit_in_bytes": "1\n"})
    lines = "9:cpu:/elsewhere\n4:memory:/elsewhere\n0::/\n"
    write(root / "proc" / "7", {"cgroup": lines})
    assert memory.group_of(7, root / "proc") == group
