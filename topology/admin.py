"""What an Envoy's admin interface says of its hosts, their latency and ejection. Pure functions."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

_PATHS = ("regions", "patient", "local", "peers")
"""What the names of the clusters begin with that requests of the routes take.

The edge's clusters for the steps of a failback have a number after it: `regions-0_…`.
"""

_COUNTERS = {"rq_total": "total", "rq_error": "bad"}
_HEALTHY = "healthy"

_P99 = re.compile(
    rf"^cluster\.(?:{'|'.join(_PATHS)})(?:-\d+(?:-joined)?)?_\S+"
    r"\.zone\.[^.]+\.([^.]+)\.upstream_rq_time: .*?P99\(([^,]+),",
    re.MULTILINE,
)
"""A histogram by the cluster of the stack that answered; the first number is of the last period."""

HOSTS = f"/clusters?filter=%5E({'%7C'.join(_PATHS)})_"
LATENCIES = "/stats?filter=%5C.zone%5C..*upstream_rq_time$"
_RULES = "/config_dump?mask=cluster.name,cluster.outlier_detection&resource="
RULES = f"{_RULES}static_clusters"
LOADED_RULES = f"{_RULES}dynamic_active_clusters"
"""What a proxy is asked for. The edge has loaded its clusters from files, and gateways have not."""


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


@dataclass(frozen=True)
class Rules:
    """For how long an Envoy ejects, in seconds."""

    interval: float = 10.0
    base: float = 30.0
    most: float = 300.0
    """Envoy's own defaults."""


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
        if not separator or not _is_path(cluster) or ":" not in address:
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


def _is_path(cluster: str) -> bool:
    return cluster.partition("_")[0].partition("-")[0] in _PATHS


def _flags(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split("/"))) - {_HEALTHY}


def latencies(text: str) -> dict[str, float]:
    """Return the 99th percentile in seconds by cluster of the stack, over Envoy's last period.

    The slowest of several routes counts; a cluster that answered nothing in that period is left
    out. A period is Envoy's `stats_flush_interval`, 5 s.
    """
    found: dict[str, float] = {}
    for zone, milliseconds in _P99.findall(text):
        value = float(milliseconds) / 1000
        if not math.isnan(value):
            found[zone] = max(value, found.get(zone, 0.0))
    return found


def rules(text: str) -> Rules | None:
    """Return the rules of ejection of the routes' clusters, from a dump of the configuration.

    None where the text is no dump, or no such cluster ejects.
    """
    if not text.startswith("{"):
        return None
    for each in json.loads(text).get("configs", ()):
        cluster = each.get("cluster", {})
        found = cluster.get("outlier_detection")
        if found and str(cluster.get("name")).partition("_")[0] in _PATHS:
            keys = ("interval", "base_ejection_time", "max_ejection_time")
            defaults = (Rules.interval, Rules.base, Rules.most)
            values = zip(keys, defaults, strict=True)
            return Rules(*(_seconds(found.get(key), default) for key, default in values))
    return None


def _seconds(duration: object, default: float) -> float:
    return default if duration is None else float(str(duration).removesuffix("s"))
