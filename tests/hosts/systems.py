"""Which systems there are to try the demo on, and the mirror that their packages come from.

Pure, but for `mirror_for`, which reads what this machine's apt is told.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from foundation.errors import UserError, did_you_mean
from localkube import preflight

MIRROR = "HOSTS_MIRROR"
"""Variable: the address of the mirror, as `--mirror` has it."""


@dataclass(frozen=True)
class System:
    """A distribution's release, as mmdebstrap makes it."""

    name: str
    distribution: str
    """As ID of os-release(5) says it."""
    suite: str
    components: str = "main"


SYSTEMS = {
    system.name: system
    for system in (
        System("debian-13", "debian", "trixie"),
        System("debian-testing", "debian", "testing"),
        System("debian-unstable", "debian", "unstable"),
        System("ubuntu-24.04", "ubuntu", "noble", "main,universe"),
        System("ubuntu-26.04", "ubuntu", "resolute", "main,universe"),
    )
}


def named(name: str) -> System:
    """Return the system of this name. Raises UserError."""
    if name not in SYSTEMS:
        near = did_you_mean(name, SYSTEMS)
        raise UserError(f"There is no system {name!r}{near}. Known: {', '.join(SYSTEMS)}")
    return SYSTEMS[name]


def packages() -> list[str]:
    """Return what a machine needs beside its distribution's smallest system, by Debian's names."""
    needed = {package for each in preflight.PROGRAMS.values() for package in each.split()}
    return sorted({*needed, "ca-certificates", "git", "python3", "python3-venv"})


def making(system: System, mirror: str, root: Path, further: Iterable[str] = ()) -> list[str]:
    """Return the command that makes a system in the folder `root`, with `further` packages."""
    return [
        "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase",
        f"--components={system.components}", f"--include={','.join([*packages(), *further])}",
        system.suite, str(root), mirror,
    ]  # fmt: skip


def mirror_for(system: System, given: str) -> str:
    """Return the mirror that is given, else the variable's, else that of this machine's apt.

    Raises UserError where there is none.
    """
    if address := given or os.environ.get(MIRROR, ""):
        return address
    release = platform.freedesktop_os_release()
    if release["ID"] == system.distribution:
        folder = Path("/etc/apt")
        files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
        texts = [file.read_text() for file in files if file.is_file()]
        if address := mirror_of(texts, release.get("VERSION_CODENAME", "")):
            return address
    raise UserError(
        f"apt of this machine ({release['ID']}) names no mirror that has {system.name}.\n"
        f"Name one: --mirror ADDRESS, or export {MIRROR}=ADDRESS"
    )


def mirror_of(sources: Iterable[str], suite: str) -> str:
    """Return the first address of apt's sources that has a suite with component main, or "".

    `sources`: the texts of files as sources.list(5) describes, in either format.
    """
    for text in sources:
        for source in (*_lines(text), *_stanzas(text)):
            components, suites = source["components"].split(), source["suites"].split()
            wanted = "deb" in source["types"].split() and "main" in components
            if wanted and suite in suites and source.get("enabled", "yes") != "no":
                return source["uris"].split()[0]
    return ""


def _lines(text: str) -> Iterator[Mapping[str, str]]:
    """Yield the sources of a file whose lines are `deb [option=value] address suite component`."""
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "deb":
            if rest.lstrip().startswith("["):
                rest = rest.partition("]")[2]
            address, suite, *components = [*rest.split(), "", ""]
            yield {
                "types": kind, "uris": address, "suites": suite,
                "components": " ".join(components),
            }  # fmt: skip


def _stanzas(text: str) -> Iterator[Mapping[str, str]]:
    """Yield the sources of a file of fields, a stanza each."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in "\n".join(lines).split("\n\n"):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line[:1].isspace():
                fields[name] = f"{fields.get(name, '')} {line.strip()}"
            else:
                name, _, value = line.partition(":")
                name = name.lower()
                fields[name] = value.strip()
        if fields.keys() >= {"types", "uris", "suites", "components"}:
            yield fields
