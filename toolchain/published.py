"""Where projects publish their programs ready-made: `published` in `tools.toml`, as values.

None of it is part of a build's key: another place to fetch from changes nothing that is built.
"""

from __future__ import annotations

import functools
import hashlib
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from foundation.errors import UserError
from toolchain import pins

MIRROR = "DEMO_TOOLS_MIRROR"
"""Variable with the base address of a mirror; a publisher's host and path follow it."""

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Machine, as uname(2) has it -> its name in Go, which most publishers use."""


@dataclass(frozen=True)
class Published:
    """Where and how the programs of one module are published. `tools.toml` explains each field."""

    url: str
    checksums: str
    version: str
    inside: str = ""
    arch: Mapping[str, str] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)
    ask: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """One file to download, and the products that it yields."""

    url: str
    checksums: str
    sha256: str
    """64 hexadecimal digits; empty where the publisher's list at `checksums` has to be asked."""
    products: tuple[tuple[str, str], ...]
    """Product -> path in the archive; the path is empty where the file is the product itself."""

    @property
    def name(self) -> str:
        """The file's name, as lists of checksums have it."""
        return urlsplit(self.url).path.rsplit("/", 1)[-1]


@functools.cache
def _tables() -> dict[str, Published]:
    with (pins.FOLDER / "tools.toml").open("rb") as file:
        modules = tomllib.load(file)["module"]
    return {
        table["name"]: _published(table["published"], table["version"])
        for table in modules
        if "published" in table
    }


def _published(table: dict[str, object], version: str) -> Published:
    values = {"version": version, **table}
    asked = values.pop("ask", {})
    assert isinstance(asked, dict)
    return Published(ask={name: tuple(a) for name, a in asked.items()}, **values)  # type: ignore[arg-type]


def mirror(env: Mapping[str, str]) -> str:
    """Return the base address of the mirror that `env` names; "" without. Raises UserError."""
    value = env.get(MIRROR, "").strip()
    parts = urlsplit(value)
    if value and not (parts.scheme in ("http", "https") and parts.netloc):
        raise UserError(
            f"{MIRROR} is {value!r}, which is no address of a mirror."
            f" Give one: export {MIRROR}=https://mirror.example/tools"
        )
    if "@" in parts.netloc:
        without = parts._replace(netloc=parts.netloc.rsplit("@", 1)[1]).geturl()
        raise UserError(
            f"{MIRROR} has a user or password in it, which is not supported."
            f" Take it away: export {MIRROR}={without}"
        )
    return value


def of(module: pins.Module) -> Published | None:
    """Return where `module` is published; None for what only we have, as the traffic generator."""
    return _tables().get(module.name)


def sources(
    module: pins.Module, products: Sequence[str], machine: str, mirror: str = ""
) -> list[Source]:
    """Return the files that yield `products` on `machine` (as uname names it).

    None of them are there for a module that is not published, or not for such machines. With
    `mirror`, a base address, each address becomes `<mirror>/<host>/<path>`.
    """
    release = of(module)
    if release is None or machine not in ARCHITECTURES:
        return []
    arch = release.arch.get(machine, ARCHITECTURES[machine])

    def fill(template: str, name: str = "") -> str:
        parts = {"version": release.version, "bare": release.version.removeprefix("v")}
        return template.format(arch=arch, name=name, **parts)

    def source(name: str, products: tuple[tuple[str, str], ...]) -> Source:
        url = fill(release.url, name)
        known = [s for end, s in release.sha256.items() if url.endswith(f"/{end}")]
        checksums = fill(release.checksums, name)
        return Source(
            through(url, mirror), through(checksums, mirror), "".join(known[:1]), products
        )

    if not release.inside:
        return [source(name, ((name, ""),)) for name in products]
    return [source("", tuple((name, fill(release.inside, name)) for name in products))]


def through(url: str, mirror: str) -> str:
    """Return the address of `url` at a mirror; `url` itself without one."""
    if not mirror:
        return url
    return f"{mirror.rstrip('/')}/{url.split('://', 1)[1]}"


def question(module: pins.Module, name: str) -> tuple[str, ...] | None:
    """Return the arguments at which the published program `name` tells its version, or None."""
    release = of(module)
    if release and name in release.ask:
        return release.ask[name]
    return next((b.ask for b in module.binaries if b.name == name and b.ask), None)


def key(module: pins.Module) -> str:
    """Name the folder of the fetched products of `module`: another address gives another one.

    Raises KeyError for a module that is not published.
    """
    release = _tables()[module.name]
    digest = hashlib.sha256(f"{release!r} {os.uname().machine}".encode())
    return f"{module.name}-{release.version}-fetched-{digest.hexdigest()[:12]}"
