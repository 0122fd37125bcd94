"""What is built, from which pinned modules: `tools.toml` and `modules/` as values."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
MODULES = FOLDER / "modules"


@dataclass(frozen=True)
class Binary:
    """One executable: the Go package it is built from, and when one on PATH serves as well."""

    name: str
    package: str
    ask: tuple[str, ...] = ()
    fits: str = ""
    says: str = ""
    beside: str = ""


@dataclass(frozen=True)
class Files:
    """Files of the Go module `source`, as pinned by the folder `modules/<via>`."""

    source: str
    files: tuple[str, ...]
    via: str = ""


@dataclass(frozen=True)
class Thin:
    """Stands for the Go module `source`: some of its folders, with files of ours in them."""

    source: str
    folders: tuple[str, ...]
    ours: tuple[tuple[str, str], ...]
    """Path in the module -> file in `modules/<name>`."""


@dataclass(frozen=True)
class Module:
    """One folder below `modules/` and what is made of it. `tools.toml` explains each field."""

    name: str
    source: str
    version: str
    binaries: tuple[Binary, ...]
    define: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    cgo: bool = False
    on_path: bool = True
    replaced_by: str = ""
    seconds: int = 0
    source_mb: int = 0
    build_mb: int = 0
    kept_mb: int = 0
    copies: Files | None = None
    embeds: Files | None = None
    thins: tuple[Thin, ...] = ()

    @property
    def folder(self) -> Path:
        """Where go.mod, go.sum and sources of ours are."""
        return MODULES / self.name

    @property
    def products(self) -> tuple[str, ...]:
        """Names of all files that the module yields."""
        copied = self.copies.files if self.copies else ()
        return tuple(b.name for b in self.binaries) + tuple(Path(f).name for f in copied)

    @property
    def linker_values(self) -> tuple[str, ...]:
        """`define` with the parts of the version filled in."""
        bare = self.version.removeprefix("v")
        major, minor, *_ = bare.split(".")
        parts = {"version": self.version, "bare": bare, "major": major, "minor": minor}
        return tuple(value.format(**parts) for value in self.define)


def _files(table: dict[str, Any] | None) -> Files | None:
    if table is None:
        return None
    return Files(table["source"], tuple(table["files"]), table.get("via", ""))


def _thin(table: dict[str, Any]) -> Thin:
    return Thin(table["source"], tuple(table["folders"]), tuple(table["ours"].items()))


def _module(table: dict[str, Any]) -> Module:
    binaries = tuple(
        Binary(**{**entry, "ask": tuple(entry.get("ask", ()))}) for entry in table["binary"]
    )
    return Module(
        name=table["name"],
        source=table["source"],
        version=table["version"],
        binaries=binaries,
        define=tuple(table.get("define", ())),
        tags=tuple(table.get("tags", ())),
        cgo=table.get("cgo", False),
        on_path=table.get("on_path", True),
        replaced_by=table.get("replaced_by", ""),
        **{name: table["takes"][name] for name in ("seconds", "source_mb", "build_mb", "kept_mb")},
        copies=_files(table.get("copies")),
        embeds=_files(table.get("embeds")),
        thins=tuple(_thin(each) for each in table.get("thins", ())),
    )


@functools.cache
def modules() -> tuple[Module, ...]:
    """Return all modules, in the order in which they are built: see `tools.toml`."""
    return _tables("module")


@functools.cache
def for_tests() -> tuple[Module, ...]:
    """Return modules that no command of the demo uses: tests build them when they need them."""
    return _tables("for_tests")


def _tables(key: str) -> tuple[Module, ...]:
    with (FOLDER / "tools.toml").open("rb") as file:
        return tuple(_module(table) for table in tomllib.load(file)[key])


@functools.cache
def module(name: str) -> Module:
    """Return the module called `name`; KeyError for an unknown one."""
    return {m.name: m for m in (*modules(), *for_tests())}[name]


@functools.cache
def owner(product: str) -> Module:
    """Return the module that yields the file `product`; KeyError when none does."""
    return {p: m for m in modules() for p in m.products}[product]


def key(module: Module) -> str:
    """Name a build of `module`: another source, flag or kind of machine gives another key."""
    recipe = dataclasses.replace(module, seconds=0, source_mb=0, build_mb=0, kept_mb=0)
    digest = hashlib.sha256(repr(recipe).encode())
    digest.update(os.uname().machine.encode())
    for file in sorted(module.folder.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return f"{module.name}-{module.version}-{digest.hexdigest()[:12]}"


@functools.cache
def checkout_key() -> str:
    """Name the set of all builds that this checkout uses."""
    keys = json.dumps([key(m) for m in modules()])
    return hashlib.sha256(keys.encode()).hexdigest()[:16]


def go_directive(module: Module) -> str:
    """Return the lowest Go version with which the module builds, e.g. "1.26.0"."""
    for line in (module.folder / "go.mod").read_text().splitlines():
        if line.startswith("go "):
            return line.split()[1]
    raise ValueError(f"{module.folder}/go.mod has no go directive")
