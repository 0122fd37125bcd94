"""From pins to a folder of tools: what is left to build, how it is stored, how it is linked."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from foundation.errors import ToolMissing, UserError
from tests.support.built_modules import HOST, ONE
from toolchain import ambient, pins, setup, tools


def stored(module: pins.Module, name: str) -> Path:
    file = tools.store_dir(module) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\necho {name}\n")
    file.chmod(0o755)
    return file


def test_the_cache_follows_the_base_directory_specification(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert tools.cache_dir() == Path("/home/somebody/.cache/multi-cluster-resiliency")
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert tools.cache_dir() == Path("/elsewhere/multi-cluster-resiliency")


def test_before_the_first_set_up_all_is_missing_and_the_remedy_is_named(
    modules_to_build: Path,
) -> None:
    assert tools.missing() == ["first", "second", "host"]
    with pytest.raises(ToolMissing, match=r"\./demo setup"):
        tools.path("first")


def test_only_what_is_not_in_the_store_is_built(modules_to_build: Path) -> None:
    assert setup.to_build(set()) == [(ONE, ["first", "second"]), (HOST, ["host"])]
    stored(ONE, "second")
    assert setup.to_build(set()) == [(ONE, ["first"]), (HOST, ["host"])]


def test_a_tool_of_the_users_spares_building_it_and_what_it_brings(modules_to_build: Path) -> None:
    assert setup.to_build({"first"}) == [(ONE, ["second"])]


def test_links_lead_to_the_store_and_to_path(modules_to_build: Path) -> None:
    users = modules_to_build / "users" / "first"
    users.parent.mkdir()
    users.write_text("#!/bin/sh\n")
    users.chmod(0o755)
    second = stored(ONE, "second")
    setup._link({"first": ambient.Found(users, "v1.9.0")})
    tools.manifest.cache_clear()
    assert tools.missing() == []
    assert tools.path("first").resolve() == users and not tools.is_ours("first")
    assert tools.version("first") == "v1.9.0" and tools.version("second") == "v1.2.3"
    assert tools.path("second").samefile(second) and tools.path("second").parent == tools.bin_dir()
    with pytest.raises(ToolMissing, match="comes with the first on PATH"):
        tools.path("host")
    # the user's tool goes away: that is noticed, and the next set-up takes ours
    users.unlink()
    assert tools.missing() == ["first"]
    stored(ONE, "first")
    stored(HOST, "host")
    setup._link({})
    tools.manifest.cache_clear()
    assert tools.missing() == [] and tools.is_ours("first")
    assert tools.path("host").parent == tools.store_dir(HOST)
    assert sorted(p.name for p in tools.bin_dir().iterdir()) == ["first", "second", "tools.json"]


def test_a_damaged_manifest_counts_as_none(modules_to_build: Path) -> None:
    tools.bin_dir().mkdir(parents=True)
    tools.manifest_path().write_text("{")
    assert "first" in tools.missing()


def test_the_second_of_two_waits_and_says_for_whom(modules_to_build: Path) -> None:
    script = "from toolchain import setup\nwith setup.exclusive():\n    print('in', flush=True)\n"
    with setup.exclusive():
        second = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert second.stdout is not None
        said = second.stdout.readline()
        assert f"process {os.getpid()}" in said and "waiting" in said
        assert second.poll() is None
    assert second.communicate(timeout=20)[0] == "in\n"


def test_the_manifest_of_this_checkout_names_every_tool_that_the_clusters_need() -> None:
    products = {p for m in pins.modules() for p in m.products}
    needed = (
        "etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl"
        " containerd containerd-shim-runc-v2 ctr runc coredns bridge loopback host-local"
        " portmap pulumi pulumi-language-python pulumi-resource-kubernetes"
    )
    assert set(needed.split()) <= products


def test_a_cache_that_cannot_be_made_is_named_with_the_variable_that_moves_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    with (
        pytest.raises(UserError, match=r"(?s)^/proc/none/\S+, where .* export XDG_CACHE_HOME="),
        setup.exclusive(),
    ):
        pytest.fail("it is made")


def test_a_home_of_another_user_is_refused_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a command that kept root's HOME."""

    def denied(path: Path, **_options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(Path, "mkdir", denied)
    monkeypatch.setattr(Path, "stat", denied)
    with (
        pytest.raises(UserError, match=r"(?s)written: Permission denied.* export XDG_CACHE_HOME="),
        setup.exclusive(),
    ):
        pytest.fail("it is made")


def test_a_user_without_a_home_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(tools.Path, "home", nowhere)
    with pytest.raises(UserError, match=r"no HOME, .* export HOME="):
        tools.cache_dir()
