"""A set-up fetches what is published and builds the rest; downloads begin before it."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from foundation.project import ROOT
from tests.support.published_modules import files, in_store
from tests.support.publisher import Publisher, serving
from toolchain import incoming, prefetch, published, setup, tools

pytestmark = pytest.mark.usefixtures("published_modules")


def test_set_up_builds_only_what_nobody_publishes(
    built: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Publisher(files())) as publisher:
        monkeypatch.setenv(published.MIRROR, f"{publisher.address}/")
        setup.provide()
        asked = len(publisher.asked)
        setup.provide(again=True)  # all is there: nobody is asked
        assert len(publisher.asked) == asked and built == ["own"]
    origins = {name: entry["from"] for name, entry in tools.manifest().items()}
    assert origins == {"first": "fetched", "second": "fetched", "packed": "fetched", "own": "built"}
    assert tools.is_ours("first") and tools.version("packed") == "v2.0.0"
    assert "Not fetched" not in capsys.readouterr().out
    setup.provide(build=True)
    assert built == ["own", "lone", "packed"]
    assert {entry["from"] for entry in tools.manifest().values()} == {"built"}


def test_where_nobody_can_be_reached_all_is_built_and_one_line_says_so(
    built: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv(published.MIRROR, f"http://127.0.0.1:{port}")
    setup.provide()
    assert built == ["lone", "packed", "own"]
    said = [line for line in capsys.readouterr().out.splitlines() if "fetched" in line]
    assert len(said) == 1 and "lone, packed" in said[0] and f"127.0.0.1:{port} cannot" in said[0]
    assert published.MIRROR in said[0]


def test_build_asks_nobody(built: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Publisher(files())) as publisher:
        monkeypatch.setenv(published.MIRROR, publisher.address)
        setup.provide(build=True)
    assert publisher.asked == [] and built == ["lone", "packed", "own"]


def test_downloads_begin_before_the_environment_is_made_and_are_not_repeated(
    monkeypatch: pytest.MonkeyPatch, built: list[str]
) -> None:
    with serving(Publisher(files())) as publisher:
        monkeypatch.setenv(published.MIRROR, publisher.address)
        prefetch.main()
        assert in_store() == set() and len(list(incoming.arriving().glob("*-*"))) >= 3
        publisher.asked.clear()
        setup.provide()
    assert in_store() == {"first", "second", "packed"} and built == ["own"]
    lists = (".sha256", "SUMS")
    assert all(path.endswith(lists) for path, _ in publisher.asked), publisher.asked


def test_nothing_is_downloaded_beforehand_where_all_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tools, "missing", list)
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: pytest.fail("a process was started"))
    with prefetch.meanwhile():
        pass


def test_what_begins_beforehand_needs_the_standard_library_alone() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r});"
        "from toolchain import fetch, prefetch; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not {"rich", "packaging", "yaml"} & set(done.stdout.split())
