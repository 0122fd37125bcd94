"""Configurations of balancers: files below `configurations/`, filled in for the gateways there are.

`{{name}}` is replaced. A line that names `{{gateway.…}}` is written once for each gateway.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from foundation.errors import UserError

FOLDER = Path(__file__).parent / "configurations"

_NAME = re.compile(r"\{\{([a-z_.]+)\}\}")
_OF_GATEWAY = "gateway."
_FIELDS = ("cluster", "address", "port", "name")
"""What may follow it."""


@dataclass(frozen=True)
class Gateway:
    """The gateway of one application cluster, as a balancer before it sees it."""

    cluster: str
    address: str
    port: int
    name: str
    """DNS name in its certificate."""


@dataclass(frozen=True)
class Settings:
    """What a configuration is filled in with. Files with a certificate hold its key, too."""

    address: str
    """Where the balancer is to listen."""
    port: int
    host: str
    """Name that clients ask for."""
    path: str
    """Path of the application's page."""
    certificate: Path
    """PEM of the certificate for clients, and of its key."""
    client: Path
    """PEM of the certificate that gateways want to see, and of its key."""
    ca: Path
    """PEM of the authority of the gateways' certificates."""
    folder: Path
    """A private folder for logs and temporary files."""
    gateways: Sequence[Gateway]


def render(text: str, settings: Settings, source: str) -> str:
    """Return the configuration filled in.

    `source` names the file in error texts. Raises UserError for a name that is not known.
    """
    known = _known(settings)
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{source}, line {number}"
        if f"{{{{{_OF_GATEWAY}" not in line:
            lines.append(_filled(line, known, where))
            continue
        lines += [_filled(line, {**known, **_of(each)}, where) for each in settings.gateways]
    return "\n".join(lines) + "\n"


def _known(settings: Settings) -> dict[str, str]:
    names = ("address", "port", "host", "path", "certificate", "client", "ca", "folder")
    return {name: str(getattr(settings, name)) for name in names}


def _of(gateway: Gateway) -> dict[str, str]:
    return {f"{_OF_GATEWAY}{name}": str(getattr(gateway, name)) for name in _FIELDS}


def _filled(line: str, known: Mapping[str, str], where: str) -> str:
    def value(match: re.Match[str]) -> str:
        try:
            return known[match[1]]
        except KeyError:
            every = dict.fromkeys([*known, *(f"{_OF_GATEWAY}{name}" for name in _FIELDS)])
            listed = ", ".join(every)
            raise UserError(f"{where}: {match[0]} is not known. What is: {listed}") from None

    return _NAME.sub(value, line)
