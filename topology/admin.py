"""What an Envoy's admin interface says of its hosts, read from `/clusters`. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass

_PATHS = ("regions", "patient", "app")
"""What the names of the clusters begin with that requests of the routes take."""

_COUNTERS = {"rq_total": "total", "rq_error": "bad"}
_HEALTHY = "healthy"


@dataclass
class Host:
    """An address that an Envoy sends requests to, over all its clusters."""

    address: str
    """Address and port."""
    zone: str = ""
    """Cluster of the stack that the address belongs to."""
    priority: int = 0
    weight: int = 1
    flags: frozenset[str] = frozenset()
    """What is wrong with it, as Envoy names it; empty for a healthy one."""
    total: int = 0
    bad: int = 0


def body(answer: bytes) -> str:
    """Return the text of an HTTP/1.1 answer, whose body may come in chunks.

    Raises ValueError for an answer that is cut off or is no answer with status 200.
    """
    head, separator, rest = answer.partition(b"\r\n\r\n")
    if not separator or b" 200 " not in head.split(b"\r\n")[0]:
        raise ValueError("no answer with status 200")
    if b"transfer-encoding: chunked" not in head.lower():
        return rest.decode()
    whole = b""
    while True:
        size, separator, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return whole.decode()
        if len(rest) < length + 2:
            raise ValueError("the answer is cut off")
        whole, rest = whole + rest[:length], rest[length + 2 :]


def hosts(text: str) -> list[Host]:
    """Return the hosts of the routes' clusters, each address once, in the order of the text.

    A line is `cluster::address::name::value`; clusters of other purposes are left out.
    """
    found: dict[str, Host] = {}
    for line in text.splitlines():
        cluster, _, rest = line.partition("::")
        address, _, rest = rest.partition("::")
        name, separator, value = rest.partition("::")
        if not separator or cluster.partition("_")[0] not in _PATHS or ":" not in address:
            continue
        host = found.setdefault(address, Host(address))
        if counter := _COUNTERS.get(name):
            setattr(host, counter, getattr(host, counter) + int(value))
        elif name == "health_flags":
            host.flags |= _flags(value)
        elif name == "zone":
            host.zone = value
        elif name in ("priority", "weight"):
            setattr(host, name, int(value))
    return list(found.values())


def _flags(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split("/"))) - {_HEALTHY}
