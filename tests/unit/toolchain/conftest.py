"""Small modules to fetch and to build, instead of those of the checkout."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.built_modules import HOST, ONE
from tests.support.published_modules import LONE, OWN, PACKED, PATIENT, PLACES
from tests.support.publisher import program
from toolchain import download, estimate, fetch, pins, published, setup, tools


@pytest.fixture
def published_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of its own, two published modules and one that is not; no proxy."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for module in (LONE, PACKED, OWN):
        folder = tmp_path / "modules" / module.name
        folder.mkdir(parents=True)
        (folder / "go.mod").write_text(f"module {module.name}\n\ngo 1.24.0\n")
    monkeypatch.setattr(pins, "MODULES", tmp_path / "modules")
    monkeypatch.setattr(pins, "modules", lambda: (LONE, PACKED, OWN))
    monkeypatch.setattr(download, "Patience", lambda: PATIENT)
    monkeypatch.setattr(published, "_tables", lambda: PLACES)
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "", "", "", "x86_64")))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    pins.checkout_key.cache_clear()
    tools.manifest.cache_clear()
    yield tmp_path
    pins.checkout_key.cache_clear()
    tools.manifest.cache_clear()


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the modules that a set-up builds; each is built at once, by nobody."""
    names: list[str] = []

    def build(work: fetch.Work) -> None:
        for module, products in work:
            names.append(module.name)
            for product in products:
                file = tools.store_dir(module) / product
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(program("built"))
                file.chmod(0o755)

    monkeypatch.setattr(setup, "build_modules", build)
    monkeypatch.setattr(estimate, "announce", lambda modules: None)
    return names


@pytest.fixture
def modules_to_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
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
