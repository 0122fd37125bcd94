"""A bundle: all tools in one file, taken into an empty cache without a network; never a bad one."""

from __future__ import annotations

import io
import json
import os
import random
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from foundation import project
from foundation.errors import UsageError, UserError
from launcher import commands, main
from toolchain import bundle, fetch, pins, published, setup, store, tools, venv

BUILT = pins.Module("built", "example.org/built", "v1.2.3", (pins.Binary("first", "."),))
LOADED = pins.Module("loaded", "example.org/loaded", "v2.0.0", (pins.Binary("second", "."),))
PLACE = published.Published("https://publisher.test/{name}", "https://publisher.test/s", "v2.0.1")
CONTENT = {"first": "#!/bin/sh\necho 1.2.3\n", "second": "#!/bin/sh\necho 2.0.1\n" + "#" * 5_000}


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two modules, one built and one fetched, in the cache of a machine; no way to get others."""
    for module in (BUILT, LOADED):
        folder = tmp_path / "modules" / module.name
        folder.mkdir(parents=True)
        (folder / "go.mod").write_text(f"module {module.name}\n\ngo 1.24.0\n")
    (tmp_path / "requirements.txt").write_text("one==1\n")
    monkeypatch.setattr(venv, "_REQUIREMENTS", tmp_path / "requirements.txt")
    monkeypatch.setattr(pins, "MODULES", tmp_path / "modules")
    monkeypatch.setattr(pins, "modules", lambda: (BUILT, LOADED))
    monkeypatch.setattr(published, "_tables", lambda: {"loaded": PLACE})

    def no_network(*arguments: object) -> None:
        raise AssertionError("a bundle spares this")

    monkeypatch.setattr(setup, "build_modules", no_network)
    monkeypatch.setattr(fetch.Fetcher, "reachable", no_network)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    on_machine(tmp_path, monkeypatch, "one")
    for folder, name in ((tools.store_dir(BUILT), "first"), (store.fetched_dir(LOADED), "second")):
        folder.mkdir(parents=True)
        (folder / name).write_text(CONTENT[name])
        (folder / name).chmod(0o755)
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "one-1-py3-none-any.whl").write_bytes(b"a package")
    yield tmp_path
    pins.checkout_key.cache_clear()
    tools.manifest.cache_clear()


def on_machine(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Go to a machine with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / name))
    pins.checkout_key.cache_clear()
    tools.manifest.cache_clear()


@pytest.fixture
def made(small: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle made on one machine; the test is on another."""
    file = small / "made.tar.gz"
    bundle.write(file, small / "wheels")
    on_machine(small, monkeypatch, "two")
    return file


def test_a_bundle_brings_every_tool_to_an_empty_cache(made: Path) -> None:
    assert len(tools.missing()) == 2
    (tools.cache_dir() / "unpacking.4242" / "store").mkdir(parents=True)  # left by a killed one
    assert commands.execute("setup", ["--bundle", str(made)]) == 0
    assert tools.missing() == []
    for name, content in CONTENT.items():
        assert tools.path(name).read_text() == content
    told = {name: (entry["version"], entry["from"]) for name, entry in tools.manifest().items()}
    assert told == {"first": ("v1.2.3", "bundle"), "second": ("v2.0.1", "bundle")}
    assert [w.name for w in venv.wheels().iterdir()] == ["one-1-py3-none-any.whl"]
    assert not list(tools.cache_dir().glob("unpacking*"))


def test_tools_tells_which_way_each_came(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup.provide()
    assert commands.execute("tools", []) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["first", "v1.2.3", "built"] in rows and ["second", "v2.0.1", "fetched"] in rows
    with pytest.raises(UsageError):
        commands.execute("tools", ["all"])


def test_a_bundle_replaces_nothing_that_is_there(
    made: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_machine(small, monkeypatch, "one")
    commands.execute("setup", ["--bundle", str(made)])
    assert {e["from"] for e in tools.manifest().values()} == {"built", "fetched"}


def test_the_environment_is_made_from_the_bundle(
    made: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "VENV", small / ".venv")
    monkeypatch.setattr(venv, "PYTHON", small / ".venv/bin/python")
    monkeypatch.setattr(project, "PRIVATE", small / ".demo")
    steps: list[list[str]] = []

    def step(title: str, command: list[str]) -> None:
        steps.append(command)
        (small / ".venv").mkdir(exist_ok=True)

    monkeypatch.setattr(venv, "step", step)
    monkeypatch.setattr(venv, "enter", lambda arguments: venv.make())
    monkeypatch.setenv(bundle.TAKEN, "")
    taken = []
    monkeypatch.setattr(
        bundle, "take", lambda file, real=bundle.take: [taken.append(file), real(file)]
    )
    assert main.run(["demo", "setup", "--bundle", str(made)]) == 0
    assert taken == [made]
    assert "--no-index" in steps[1] and str(venv.wheels()) in steps[1]


def test_wrong_usage_is_refused_and_a_file_that_is_not_there_too(small: Path) -> None:
    for arguments in (["--bundle"], ["--what"], ["--build", "x"]):
        with pytest.raises(UsageError, match="usage"):
            commands.execute("setup", arguments)
    with pytest.raises(UserError, match=r"absent is not there\..*\./demo bundle"):
        commands.execute("setup", ["--bundle", str(small / "absent")])


def test_a_tool_that_is_not_in_the_cache_is_named(small: Path) -> None:
    (tools.store_dir(BUILT) / "first").unlink()
    with pytest.raises(UserError, match="first is not in the cache"):
        bundle.write(small / "made", small / "wheels")
    assert not (small / "made").exists()


def test_two_bundles_written_to_one_file_at_once_are_both_whole(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = small / "made.tar.gz"
    entry, seconds = bundle._entry, []

    def write() -> None:
        bundle.write(file, small / "wheels")

    def meanwhile(name: str, size: int, mode: int) -> tarfile.TarInfo:
        if not seconds:
            seconds.append(threading.Thread(target=write))
            seconds[0].start()
            seconds[0].join(0.2)
        return entry(name, size, mode)

    monkeypatch.setattr(bundle, "_entry", meanwhile)
    write()
    seconds[0].join()
    on_machine(small, monkeypatch, "two")
    bundle.take(file)
    assert not [*small.glob(".*part")]


def again(made: Path, change: Callable[[dict[str, bytes]], None], *more: tarfile.TarInfo) -> Path:
    """Pack a changed copy of a bundle."""
    with tarfile.open(made) as tar:
        held = {e.name: (s.read() if (s := tar.extractfile(e)) else b"") for e in tar}
    change(held)
    other = made.with_name("other.tar.gz")
    with tarfile.open(other, "w:gz") as tar:
        for name, content in held.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        for entry in more:
            tar.addfile(entry)
    return other


def told(**values: object) -> Callable[[dict[str, bytes]], None]:
    """Change what a bundle tells of itself."""

    def change(held: dict[str, bytes]) -> None:
        held[bundle.CONTENTS] = json.dumps(json.loads(held[bundle.CONTENTS]) | values).encode()

    return change


def drop(suffix: str, listed: bool) -> Callable[[dict[str, bytes]], None]:
    """Take a file out of a bundle, and out of its list too."""

    def change(held: dict[str, bytes]) -> None:
        name = next(n for n in held if n.endswith(suffix))
        del held[name]
        if listed:
            files = json.loads(held[bundle.CONTENTS])["files"]
            told(files={n: d for n, d in files.items() if n != name})(held)

    return change


def damage(held: dict[str, bytes]) -> None:
    """Change a byte of a tool."""
    name = next(n for n in held if n.endswith("/second"))
    held[name] = held[name][:-1] + b"!"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (damage, "second in .* is damaged"),
        (told(machine="s390x"), "a bundle for s390x"),
        (told(format=2), "of format 2"),
        (told(requirements="0"), "Python packages of another version"),
        (told(files=[]), "does not hold what it lists"),
        (told(files=7), "no bundle of this demo"),
        (drop("/first", listed=False), "does not hold what it lists: store/.*/first"),
        (drop("/first", listed=True), r"no first v1\.2\.3: it is of another version"),
        (drop("bundle.json", listed=False), "no bundle of this demo"),
        (lambda held: held.update({"extra": b"x"}), "does not hold what it lists: extra"),
        (lambda held: held.update({"../../escaped": b"x"}), "outside the destination"),
        (lambda held: held.update({"store/../../../escaped": b"x"}), "outside the destination"),
    ],
)
def test_a_bad_bundle_changes_nothing(
    made: Path, change: Callable[[dict[str, bytes]], None], reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        bundle.take(again(made, change))
    assert [each.name for each in tools.cache_dir().iterdir()] == ["tools.lock"]
    assert not list(made.parent.rglob("escaped"))


def test_a_python_without_filters_refuses_the_same(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(tarfile, "data_filter")
    for name in ("../../escaped", "/tmp/../escaped", "store/../../../escaped"):
        with pytest.raises(UserError, match="outside the destination"):
            bundle.take(again(made, lambda held, name=name: held.update({name: b"x"})))  # type: ignore[misc]
    assert not list(made.parent.rglob("escaped"))
    bundle.take(made)
    assert store.kept(BUILT, "first")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(made: Path, kind: bytes) -> None:
    entry = tarfile.TarInfo("wheels/link")
    entry.type, entry.linkname = kind, str(made)
    with pytest.raises(UserError, match="wheels/link, which is no file"):
        bundle.take(again(made, lambda held: None, entry))
    assert [each.name for each in tools.cache_dir().iterdir()] == ["tools.lock"]


def test_a_damaged_file_is_refused_or_is_as_good_as_whole(made: Path) -> None:
    whole = made.read_bytes()
    choose = random.Random(7)
    outcomes = set()
    for _ in range(60):
        place = choose.randrange(len(whole))
        cut = choose.random() < 0.3
        bad = (
            whole[:place]
            if cut
            else whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]
        )
        made.write_bytes(bad)
        try:
            bundle.take(made)
        except UserError:
            outcomes.add("refused")
            assert not (tools.cache_dir() / "store").exists()
        else:  # the damaged byte was a time, or padding
            outcomes.add("taken")
            for module, name in ((BUILT, "first"), (LOADED, "second")):
                kept = store.kept(module, name)
                assert kept and kept.path.read_text() == CONTENT[name]
            on = tools.cache_dir()
            for file in sorted(on.rglob("*"), reverse=True):
                file.unlink() if file.is_file() else file.rmdir()
    assert "refused" in outcomes


def test_python_packages_depend_on_no_version_of_python() -> None:
    """`pip download` reads conditions with the Python that it runs in, whichever it is for."""
    text = (Path(venv.__file__).parent.parent / "requirements.txt").read_text()
    conditions = {line.split(" ; ")[1] for line in text.splitlines() if " ; " in line}
    assert conditions and not any("version" in condition for condition in conditions)


def test_this_python_is_one_that_a_bundle_has_packages_for() -> None:
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in venv.PYTHONS
    assert os.uname().machine in bundle.default()
