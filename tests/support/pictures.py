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


def line(cluster: str, address: str, name: str, value: object) -> str:
    return f"{cluster}::{address}::{name}::{value}"


def clusters_text(**hosts: dict[str, object]) -> str:
    """What `/clusters` says of hosts, in two clusters of Envoy's."""
    found = ["regions_shop_shop::default_priority::max_connections::4096"]
    for zone, values in hosts.items():
        address = f"10.0.0.{len(zone)}:15443"
        both = {"zone": f"{zone}-cluster", "health_flags": "healthy", **values}
        found += [line("regions_shop_shop", address, key, value) for key, value in both.items()]
        found.append(line("patient_shop_shop", address, "rq_total", 1))
        found.append(line("other_shop_shop", address, "rq_total", 100))
    return "\n".join(found)


EJECTED = frozenset({"failed_outlier_check"})
