"""What an ordinary user is told that his machine does not allow yet."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation import commands
from foundation.packages import Need
from localkube import rootless
from localkube.rootless import keeper, requirements


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that allows everything: one tree of cgroups under systemd, and a user's ids."""
    for name in ("net/bridge/bridge-nf-call-iptables", "kernel/threads-max"):
        (tmp_path / "sys" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sys" / name).touch()
    (tmp_path / "cgroup/user").mkdir(parents=True)
    (tmp_path / "cgroup/user/cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (tmp_path / "cgroup/cgroup.controllers").touch()
    monkeypatch.setattr(requirements.kernel, "SYSCTL", tmp_path / "sys")
    monkeypatch.setattr(requirements.cgroups, "ROOT", tmp_path / "cgroup")
    monkeypatch.setattr(requirements.packages, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(requirements.packages, "missing_to_compile", lambda seccomp: [])
    monkeypatch.setattr(requirements, "subordinate", lambda *_: 65536)
    monkeypatch.setattr(requirements, "_has_inotify", lambda _: True)
    monkeypatch.setattr(requirements.commands, "output", lambda *_, **__: 's "/user"\n')
    return tmp_path


def _lacking() -> list[str]:
    return [*requirements.to_enter(), *requirements.to_start()]


def test_a_machine_that_allows_everything_lacks_nothing() -> None:
    assert _lacking() == []


def _set(name: str, value: str) -> Callable[[Path, pytest.MonkeyPatch], None]:
    def change(machine: Path, patch: pytest.MonkeyPatch) -> None:
        (machine / "sys" / name).parent.mkdir(exist_ok=True)
        (machine / "sys" / name).write_text(value)

    return change


def _fails(what: str) -> Callable[[Path, pytest.MonkeyPatch], None]:
    def output(command: list[str], **_: object) -> str:
        if what in command[0]:
            raise commands.Failed("Operation not permitted")
        return 's "/user"\n'

    return lambda machine, patch: patch.setattr(requirements.commands, "output", output)


LACKS: dict[str, Callable[[Path, pytest.MonkeyPatch], None]] = {
    r"newuidmap, newgidmap not found: sudo apt-get install -y uidmap": lambda machine, patch: (
        patch.setattr(requirements.packages, "which", lambda n: None if "new" in n else n)
    ),
    r"gcc is missing, clusters need it: sudo apt-get install -y gcc": lambda machine, patch: (
        patch.setattr(
            requirements.packages,
            "missing_to_compile",
            lambda seccomp: [Need("gcc", "clusters need it", "gcc")],
        )
    ),
    r"/etc/subuid gives .* sudo usermod --add-subuids": lambda machine, patch: patch.setattr(
        requirements, "subordinate", lambda *_: 1
    ),
    r"echo user.max_user_namespaces=15000 . sudo tee -a /etc/sysctl.d": _set(
        "user/max_user_namespaces", "0\n"
    ),
    r"echo kernel.unprivileged_userns_clone=1 .* sudo sysctl --system": _set(
        "kernel/unprivileged_userns_clone", "0\n"
    ),
    r"echo kernel.apparmor_restrict_unprivileged_userns=0 ": _set(
        "kernel/apparmor_restrict_unprivileged_userns", "1\n"
    ),
    r"fails \(Operation not permitted\): it takes util-linux 2.38": _fails("unshare"),
    r"no systemd of the user answers .* sudo loginctl enable-linger": _fails("busctl"),
    r"does not delegate memory to users: sudo mkdir .*delegate.conf": lambda machine, patch: (
        _ := (machine / "cgroup/user/cgroup.controllers").write_text("cpu pids\n")
    ),
    r"br_netfilter is not loaded: echo .* sudo modprobe br_netfilter": lambda machine, patch: (
        machine / "sys/net/bridge/bridge-nf-call-iptables"
    ).unlink(),
    r"fewer than 100: echo fs.inotify.max_user_instances=1024 ": lambda _, patch: patch.setattr(
        requirements, "_has_inotify", lambda _: False
    ),
    r"version 1, which no user is given a part of: boot with": lambda machine, patch: (
        (machine / "cgroup/cgroup.controllers").unlink(),
        patch.setattr(keeper, "own_cgroups", dict),
    ),
}


@pytest.mark.parametrize("lack", LACKS)
def test_each_lack_is_a_line_with_the_command_of_an_administrator(
    lack: str, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    LACKS[lack](machine, monkeypatch)
    found = _lacking()
    assert any(re.search(lack, line) for line in found), found
    assert all("\n" not in line for line in found)


def test_everything_that_lacks_is_told_at_once(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set("user/max_user_namespaces", "0")(machine, monkeypatch)
    _fails("busctl")(machine, monkeypatch)
    assert len(_lacking()) == 2


@given(st.lists(st.tuples(st.sampled_from(["ann", "1000", "bob"]), st.integers(0, 10**6))))
def test_the_first_range_of_the_users_own_counts(ranges: list[tuple[str, int]]) -> None:
    text = "".join(f"{who}:100000:{size}\n" for who, size in ranges)
    own = [size for who, size in ranges if who != "bob"]
    assert _subordinate(text, "ann", 1000) == next(iter(own), 0)


_subordinate = requirements.subordinate


def test_inotify_is_tried_and_given_back() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert _has_inotify(10)
    assert not _has_inotify(1_000_000)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


_has_inotify = requirements._has_inotify


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("         0          0 4294967295\n", False),
        ("         0       1001          1\n         1     100000      65535\n", True),
    ],
)
def test_a_user_namespace_is_known_by_its_map(text: str, inside: bool, tmp_path: Path) -> None:
    (tmp_path / "uid_map").write_text(text)
    assert rootless.is_inside(tmp_path / "uid_map") is inside
