"""What the OOM killer has ended is known by the counters of cgroups, really of one made here."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation import memory as machine_memory
from foundation.memory import Limit
from localkube import cgroups
from localkube.diagnosis import memory
from localkube.diagnosis.memory import count, killed, of_containers, of_programs

LOG = """\
2026-11-28 09:00:00,001 INFO supervisord started with pid 1
2026-11-28 09:10:00,002 WARN exited: kubelet (terminated by SIGKILL; not expected)
2026-11-28 10:00:00,001 INFO supervisord started with pid 1
2026-11-28 10:00:01,002 INFO spawned: 'etcd' with pid 7
2026-11-28 10:10:00,003 WARN exited: etcd (terminated by SIGKILL; not expected)
2026-11-28 10:11:00,003 WARN exited: etcd (terminated by SIGKILL; not expected)
2026-11-28 10:12:00,004 WARN stopped: kube-proxy (terminated by SIGKILL)
2026-11-28 10:13:00,005 WARN exited: kube-scheduler (exit status 1; not expected)
"""


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", 3),
        ("low 0\nhigh 0\nmax 9\noom 4\noom_kill 2\noom_group_kill 0\n", 2),
        ("oom_kill_disable 0\nunder_oom 0\n", 0),
        ("", 0),
    ],
    ids=["version 1", "version 2", "an old kernel", "nothing"],
)
def test_the_counter_of_both_versions_is_read(text: str, number: int) -> None:
    assert count(text) == number


def test_the_log_says_what_got_sigkill_since_the_supervisord_began() -> None:
    assert killed(LOG) == {"etcd": "2026-11-28 10:11:00"}


def test_a_killed_program_is_named_with_the_limit_and_its_file() -> None:
    limit = Limit(512_000_000, Path("/sys/fs/cgroup/memory/x/memory.limit_in_bytes"))
    (found,) = of_programs(1, killed(LOG), "east-cluster", limit)
    assert found.text == (
        "etcd of east-cluster got SIGKILL at 2026-11-28 10:11:00, and the OOM killer struck once"
        " in its cgroup"
    )
    assert f"512 MB: write a higher one to {limit.file}" in found.remedy
    assert found.is_over


def test_without_a_limit_the_machine_is_too_small() -> None:
    (found,) = of_programs(2, {"etcd": "now"}, "east-cluster", None)
    assert "struck 2 times" in found.text and "more memory" in found.remedy


def test_a_sigkill_without_the_oom_killer_is_not_named() -> None:
    assert of_programs(0, killed(LOG), "east-cluster", None) == []


def test_a_container_is_named_with_its_limit() -> None:
    ended = {"reason": "OOMKilled", "finishedAt": "2026-11-28T10:00:00Z"}
    pod = {
        "metadata": {"namespace": "tetrate-system", "name": "gateway-1"},
        "spec": {"containers": [{"name": "envoy", "resources": {"limits": {"memory": "256Mi"}}}]},
        "status": {
            "containerStatuses": [
                {"name": "envoy", "state": {"running": {}}, "lastState": {"terminated": ended}}
            ]
        },
    }
    (found,) = of_containers([pod], "east-cluster")
    assert found.text == (
        "container envoy in pod tetrate-system/gateway-1 of east-cluster was ended by the OOM"
        " killer at 2026-11-28T10:00:00Z"
    )
    assert "limit is 256Mi" in found.remedy
    ended["reason"] = "Error"
    assert of_containers([pod], "east-cluster") == []


def test_a_note_is_what_later_kills_are_counted_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = tmp_path / "memory.oom_control"
    counter.write_text("oom_kill 2\n")
    (tmp_path / "memory.limit_in_bytes").write_text(str(machine_memory.UNLIMITED * 7))
    monkeypatch.setattr(machine_memory, "ROOT", tmp_path)
    monkeypatch.setattr(memory, "group_of", lambda _: tmp_path)
    assert memory.since_noted(tmp_path, 1) == (0, None), "nothing was noted"
    memory.note(tmp_path)
    assert memory.since_noted(tmp_path, 1) == (0, None)
    counter.write_text("oom_kill 3\n")
    assert memory.since_noted(tmp_path, 1) == (1, None)


@pytest.fixture
def group() -> Iterator[Path]:
    """A memory cgroup of the test's own, limited to 32 MB."""
    version_1 = cgroups.ROOT / "memory"
    parent = version_1 if version_1.is_dir() else cgroups.ROOT
    made = parent / f"test-memory-{os.getpid()}"
    try:
        made.mkdir()
        name = next(each for each in machine_memory.USAGE if (made / each).exists())
        (made / name).write_text(str(32 << 20))
    except (OSError, StopIteration):
        with contextlib.suppress(OSError):
            made.rmdir()
        pytest.skip("no memory cgroup can be made here")
    yield made
    made.rmdir()


def test_a_real_kill_is_counted_and_its_limit_found(
    group: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    join = f"open({str(group / 'cgroup.procs')!r}, 'w').write('0')"
    greedy = f"{join}; input(); hoard = b'x' * (256 << 20)"
    with subprocess.Popen([sys.executable, "-c", f"{join}; print(flush=True); input()"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:  # fmt: skip
        assert other.stdout
        other.stdout.readline()
        assert memory.group_of(other.pid) == group
        monkeypatch.setattr(memory, "group_of", lambda _: group)
        memory.note(tmp_path)
        monkeypatch.undo()
        done = subprocess.run([sys.executable, "-c", greedy], input=b"\n", check=False)
        assert done.returncode == -signal.SIGKILL
        kills, limit = memory.since_noted(tmp_path, other.pid)
        other.kill()
    assert kills == 1
    assert limit and limit.amount == 32 << 20
    assert limit.file.parent == group
