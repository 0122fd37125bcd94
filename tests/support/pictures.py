"""Pictures to test with: an edge and two clusters, and what their proxies say."""

from __future__ import annotations

from typing import Any

from drills.traffic import Event, EventKind
from topology.admin import Host
from topology.proxies import Proxy

EAST, WEST = "east-cluster", "west-cluster"
ADDRESSES = {EAST: "10.0.0.12:15443", WEST: "10.0.0.13:15443"}


def edge(*hosts: Host, at: float = 100.0) -> Proxy:
    proxy = Proxy("edge-1", "corp-edge", is_edge=True, ready=True)
    proxy.hear(at, hosts)
    return proxy


def host(zone: str, total: int = 0, **more: Any) -> Host:
    return Host(ADDRESSES[zone], zone, total=total, **more)


def answering(at: float, east: int, west: int, passed: int = 0) -> list[Proxy]:
    """Proxies after a second in which the edge sent to both, and east passed some on to west."""
    one, two = edge(host(EAST), host(WEST), at=at - 1), Proxy("g", EAST, is_edge=False, ready=True)
    two.hear(at - 1, [Host("10.1.0.1:80", EAST), Host("10.9.9.9:15444", WEST)])
    one.hear(at, [host(EAST, east), host(WEST, west)])
    served = Host("10.1.0.1:80", EAST, total=east - passed)
    two.hear(at, [served, Host("10.9.9.9:15444", WEST, total=passed)])
    return [one, two]


def told(at: float, kind: EventKind) -> Event:
    return Event(at, kind, "workload-gone", EAST)
