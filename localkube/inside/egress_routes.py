"""Which way a request takes out of the lab: by the host's own proxy, or directly. Pure.

The variables are read as curl reads them (curl(1), "Environment"), because that is what a
company's instructions are written for.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from urllib.parse import unquote, urlsplit

from localkube import LocalKubeError
from localkube.inside.egress_addresses import literal

PORTS = (80, 443)
"""Where registries listen; the way out leads to no other port."""

DEFAULT_PORTS = {"http": 80, "https": 443}
"""Schemes of proxies, and the port of one that names none.

As Go has it (net/http), in whose place the proxy is asked here: containerd, and Python, whose pip
reads the same variables during `./demo setup`. curl alone takes 1080 for ``http://``.
"""

REQUEST = re.compile(rb"CONNECT (\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+):([0-9]{1,5}) HTTP/1\.[01]\r\n")


class Refused(LocalKubeError):
    """A request that is not served; its text says why, `status` is the HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Proxy:
    """A proxy that the host has to use."""

    scheme: str
    """``http``, or ``https`` for TLS up to the proxy itself."""
    host: str
    port: int
    authorization: str = field(default="", repr=False)
    """Value of the header Proxy-Authorization; empty for a proxy without user."""

    def request(self, host: str, port: int) -> bytes:
        """Return the request head that asks the proxy for a way to `host`."""
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
        if self.authorization:
            lines.append(f"Proxy-Authorization: {self.authorization}")
        return "\r\n".join([*lines, "", ""]).encode("ascii")


def target(head: bytes) -> tuple[str, int]:
    """Return host and port that a CONNECT request asks for. Raises `Refused` for any other."""
    match = REQUEST.match(head)
    if match is None:
        raise Refused(400, "only CONNECT HOST:PORT is served here")
    host, port = match[1].decode().strip("[]"), int(match[2])
    if port not in PORTS:
        raise Refused(403, f"{host}:{port}: only ports 80 and 443 are open, as registries have")
    return host, port


def route_for(host: str, port: int, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for a target; None means to connect directly.

    A name in lower case goes before one in upper case, a scheme's own variable before ALL_PROXY,
    and an empty value counts as none. Raises `Refused` if the variable's value is unusable.
    """
    scheme = "http" if port == 80 else "https"
    value = name = ""
    for name in (f"{scheme}_proxy", "all_proxy"):
        if value := variable(name, environment):
            break
    if not value or is_exempt(host, port, variable("no_proxy", environment)):
        return None
    return parse(value, name.upper())


def variable(name: str, environment: Mapping[str, str]) -> str:
    """Return the value of a variable by its name in lower case or else in upper case."""
    return environment.get(name) or environment.get(name.upper()) or ""


def parse(value: str, name: str) -> Proxy:
    """Return the proxy that the value of a variable names; without a scheme it speaks HTTP.

    Raises `Refused`, without the value: a password may be in it.
    """
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        port = parts.port
    except ValueError:
        raise Refused(502, f"{name} is not http://[USER:PASSWORD@]HOST[:PORT]") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise Refused(502, f"{name} names a proxy of kind {parts.scheme}; http and https are known")
    if not parts.hostname:
        raise Refused(502, f"{name} names no host: http://[USER:PASSWORD@]HOST[:PORT]")
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    port = DEFAULT_PORTS[parts.scheme] if port is None else port
    return Proxy(parts.scheme, parts.hostname, port, authorization)


def is_exempt(host: str, port: int, exceptions: str) -> bool:
    """Return whether NO_PROXY exempts a target: by name, domain, address, range, or ``*``.

    Entries are separated by commas or blanks. One may name a port, as Python and Go allow.
    """
    entries = exceptions.replace(",", " ").lower().split()
    if entries == ["*"]:
        return True
    return any(matches(host, entry.removesuffix(f":{port}")) for entry in entries)


def matches(host: str, entry: str) -> bool:
    """Return whether one entry of NO_PROXY, without its port, names the host."""
    address = literal(host)
    if address is None:
        name, domain = host.rstrip(".").lower(), entry.strip(".")
        return name == domain or name.endswith(f".{domain}")
    try:
        return address in ip_network(entry.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return False
