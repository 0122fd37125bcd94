"""A build: what it is announced to take, what it obeys, and what reaches the store."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import pytest

from foundation import packages
from foundation.errors import UserError
from tests.support.built_modules import HOST, ONE
from tests.support.waiting import eventually
from toolchain import build, estimate, golang, pins, setup, tools


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


def test_products_reach_the_store_only_when_the_build_is_done(modules_to_build: Path) -> None:
    progress = Silent()
    go = fake_go(
        modules_to_build,
        'echo example.org/one/pkg; echo x > "$out"first; echo y > "$out"second; exit 1',
    )
    with pytest.raises(UserError, match=r"(?s)one v1.2.3 could not be built.*example.org/one/pkg"):
        build.Builder(go, progress).build([(ONE, ["first", "second"])])
    assert not tools.store_dir(ONE).exists() and progress.finished == []
    assert list(build.workshops().iterdir()) == []

    go = fake_go(modules_to_build, 'echo x > "$out"first; echo y > "$out"second')
    build.Builder(go, progress).build([(ONE, ["first", "second"])])
    assert (tools.store_dir(ONE) / "second").read_text() == "y\n"
    assert os.access(tools.store_dir(ONE) / "first", os.X_OK)
    assert progress.finished == ["one"] and setup.to_build(set()) == [(HOST, ["host"])]


def test_a_build_obeys_the_pins_and_not_the_users_go_environment(
    modules_to_build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOS", "plan9")
    go = fake_go(modules_to_build, f'env > {modules_to_build}/env; echo x > "$out"')
    build.Builder(go, Silent()).build([(HOST, ["host"])])
    asked = (modules_to_build / "asked").read_text()
    assert "-mod=readonly" in asked and "-trimpath" in asked and "-ldflags=-s -w" in asked
    env = dict(
        line.split("=", 1)
        for line in (modules_to_build / "env").read_text().splitlines()
        if "=" in line
    )
    assert env["GOTOOLCHAIN"] == "local" and env["CGO_ENABLED"] == "0" and "GOOS" not in env
    assert env["GOCACHE"] == str(tools.cache_dir() / "go-build")


def test_sources_of_what_is_built_later_are_fetched_meanwhile(modules_to_build: Path) -> None:
    listed = f"grep -q '^list.* -deps example.org/one' {modules_to_build}/asked"
    wait = f"while ! {listed}; do sleep 0.02; done"
    go = fake_go(
        modules_to_build,
        f'case "$1 $out" in "build "*host) {wait}; echo x > "$out";;'
        ' build*) echo x > "$out"first; echo y > "$out"second;; esac',
    )
    build.Builder(go, Silent()).build([(HOST, ["host"]), (ONE, ["first", "second"])])
    asked = (modules_to_build / "asked").read_text().splitlines()
    assert [line.split()[0] for line in asked].count("list") == 1


def test_a_failed_build_ends_what_is_being_fetched(modules_to_build: Path) -> None:
    go = fake_go(modules_to_build, 'case "$1" in list) sleep 60;; *) sleep 0.3; exit 1;; esac')
    began = time.monotonic()
    with pytest.raises(UserError, match="one"):
        build.Builder(go, Silent()).build([(ONE, ["first"]), (HOST, ["host"])])
    assert time.monotonic() - began < 20


def test_too_small_a_disk_is_refused_with_figures(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"GB free; building the tools needs 1000000000.0 GB"):
        estimate.require({tmp_path: 5e17, tmp_path.parent: 5e17})
    estimate.require({tmp_path: 1.0})


def test_what_an_interrupted_build_has_left_is_not_asked_for_again(
    modules_to_build: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    go = fake_go(modules_to_build, "")
    monkeypatch.setattr(golang, "find", lambda: go)
    module = dataclasses.replace(ONE, source_mb=40, build_mb=3, kept_mb=2, seconds=240)
    estimate.announce([module])
    said = capsys.readouterr().out
    assert "To build: one.\n" in said and "4 min" in said
    assert "2 MB stay" in said and "6 MB more" in said and "40 MB of sources" in said
    left = tools.cache_dir() / "go-build"
    left.mkdir(parents=True)
    (left / "a").write_bytes(b"x" * 2 * estimate.MB)
    fetched = go.module_cache / "cache/download/example.org/one/@v/v1.2.3.zip"
    fetched.parent.mkdir(parents=True)
    fetched.touch()
    estimate.announce([module])
    said = capsys.readouterr().out
    assert "2 MB more" in said and "0 MB of sources" in said


def test_hard_links_count_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    alone = estimate.folder_size([tmp_path])
    os.link(tmp_path / "a", tmp_path / "b")
    assert estimate.folder_size([tmp_path]) == alone >= 100_000


def test_the_c_compiler_is_needed_even_where_runc_is_not_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packages, "which", lambda command: None)
    assert [n.package for n in packages.missing_to_compile()] == [
        "gcc", "libc6-dev", "libseccomp-dev", "pkg-config",
    ]  # fmt: skip
    assert [n.package for n in packages.missing_to_compile(seccomp=False)] == ["gcc", "libc6-dev"]
    monkeypatch.undo()
    monkeypatch.setattr(packages, "_compiles", lambda *_: False)
    assert [n.package for n in packages.missing_to_compile(seccomp=False)] == ["libc6-dev"]


def test_no_tool_that_is_built_needs_a_library_of_the_machine() -> None:
    """A bundle is taken to machines that have other libraries, or older ones."""
    built = [name for name, entry in tools.manifest().items() if entry["from"] == "built"]
    if not built:
        pytest.skip("all tools were fetched or found")

    def is_dynamic(file: Path) -> bool:
        with file.open("rb") as binary:
            # what loads a program's libraries is named near its beginning
            return b"/ld-" in binary.read(8192)

    assert [name for name in built if is_dynamic(tools.path(name))] == []


def test_go_asks_pkg_config_for_what_a_compiler_finds_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packages, "_compiles", lambda *_: True)
    there = {"gcc"}
    monkeypatch.setattr(packages, "which", lambda command: command in there)
    assert [n.package for n in packages.missing_to_compile()] == ["pkg-config"]
    there.add("pkg-config")
    assert packages.missing_to_compile() == []


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


def test_what_modules_share_is_not_announced_twice(
    modules_to_build: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(golang, "find", lambda: fake_go(modules_to_build, ""))
    large = dataclasses.replace(ONE, build_mb=300, seconds=1200)
    second, third = (
        dataclasses.replace(ONE, name=name, build_mb=100, seconds=240) for name in ("two", "three")
    )
    estimate.announce([second, large, third])
    said = capsys.readouterr().out
    assert "about 23 min" in said and "640 MB more" in said  # the large one's 300 MB twice


def test_ctrl_c_ends_the_build_under_way_before_its_folder_goes(
    modules_to_build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Silent):
        def line(self, module: pins.Module, text: str) -> None:
            raise KeyboardInterrupt

    compiler = modules_to_build / "compiler"
    go = fake_go(
        modules_to_build,
        '[ "$TMPDIR" != "$PWD" ] || exit 1\n'  # there it would ignore go.mod
        f'mkdir "$GOTMPDIR/go-build"; sleep 60 & echo $! > {compiler}; echo example.org/one; wait',
    )
    began = time.monotonic()
    monkeypatch.setenv("GOTMPDIR", str(modules_to_build))  # where nobody removes it
    with pytest.raises(KeyboardInterrupt):
        build.Builder(go, Interrupted()).build([(ONE, ["first"])])
    assert not (modules_to_build / "go-build").exists()
    # one that nobody has waited for yet has no command line any more
    command_line = Path(f"/proc/{compiler.read_text().strip()}/cmdline")
    eventually(
        lambda: not command_line.exists() or not command_line.read_bytes(), "the compiler ends", 5
    )
    assert time.monotonic() - began < 20
    assert list(build.workshops().iterdir()) == []


@pytest.mark.parametrize(
    ("processors", "gib", "mib"), [(2, 4, 1024), (2, 24, 1500), (64, 64, 512), (64, 16, 256)]
)
def test_compilers_of_all_processors_fit_into_the_memory(
    monkeypatch: pytest.MonkeyPatch, processors: int, gib: int, mib: int
) -> None:
    monkeypatch.delenv("GOMEMLIMIT", raising=False)
    monkeypatch.setattr(golang.memory, "whole", lambda: gib * 1024**3)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(processors)))
    env = golang.environment(golang.Go(Path("/go/bin/go"), "1.26.0", Path("/go")))
    assert env["GOMEMLIMIT"] == f"{mib}MiB"
