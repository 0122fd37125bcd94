"""The picture: states of edge, gateways and pods, and how much goes where. Pure functions.

Nothing disappears: whoever was seen once stays in the picture with what is last known of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from topology.ejection import FLAG as EJECTED
from topology.proxies import Proxy, State, longest

_HEARD = (State.SERVING, State.DRAINING, State.UNREACHABLE)
"""States of a proxy that answers what it is asked."""


def host_state(flags: Iterable[str], rate: float) -> State:
    """Return the state of an address, by Envoy's health flags and what goes to it."""
    known = set(flags)
    if "excluded_via_immediate_hc_fail" in known:
        return State.DRAINING
    if "failed_active_hc" in known:
        return State.UNREACHABLE
    if EJECTED in known:
        return State.EJECTED
    if known & {"degraded_active_hc", "failed_active_degraded_check", "degraded_outlier_detection"}:
        return State.DEGRADED
    return State.SERVING if rate > 0 else State.STANDBY


def due_shares(edges: Iterable[Proxy]) -> dict[str, float]:
    """Return the share of each application cluster while nothing fails, from 0 to 1.

    The edge's own configuration says it: the first priority shares all by its weights. Clusters
    that only a silent edge pod knew stay, with what that one said last. Nothing is due to those
    that only a former one knew.
    """
    every = sorted(edges, key=lambda proxy: proxy.heard_at or 0.0)
    known = {host.zone: host for proxy in every for host in proxy.hosts}
    current = {host.zone for proxy in every if proxy.gone_at is None for host in proxy.hosts}
    due = {name: host for name, host in known.items() if name in current or not current}
    first = min((host.priority for host in due.values()), default=0)
    whole = sum(host.weight for host in due.values() if host.priority == first) or 1
    return {
        name: host.weight / whole if name in due and host.priority == first else 0.0
        for name, host in sorted(known.items())
    }


def expected_shares(
    priorities: Sequence[Sequence[str]], weights: Mapping[str, int | None]
) -> dict[str, float]:
    """Return the share that is due to each cluster by the stack's outputs, from 0 to 1.

    Without weights the clusters of the first priority share alike.
    """
    first = priorities[0] if priorities else ()
    parts = {name: (weights.get(name) or 1) if name in first else 0 for name in weights}
    whole = sum(parts.values()) or 1
    return {name: part / whole for name, part in parts.items()}


def picture(
    proxies: Iterable[Proxy],
    now: float,
    expected: Mapping[str, float] | None = None,
    at: float | None = None,
) -> dict[str, Any]:
    """Return the whole picture as JSON has it: edge pods, and each application cluster.

    `now` is by the clock of what the proxies said, and `at` the same moment since the epoch.

    `expected` has shares that are due, by cluster, in the order of the picture: those of the
    stack's outputs, which are shown while no edge pod has said more.
    """
    at = now if at is None else at
    known = list(proxies)
    edges = [proxy for proxy in known if proxy.is_edge]
    said = due_shares(edges)
    due = (dict.fromkeys(expected, 0.0) if said else dict(expected)) if expected else {}
    due |= said
    clusters = [_cluster(name, edges, known, due[name], now) for name in due]
    is_heard = any(proxy.state(now) in _HEARD for proxy in edges)
    total = sum(cluster["rate"] for cluster in clusters)
    passed = [
        peer for cluster in clusters for each in cluster["gateways"] for peer in each["peers"]
    ]
    for cluster in clusters:
        if not total and cluster["due"] and cluster["state"] is State.STANDBY:
            cluster["state"] = State.IDLE
        cluster["share"] = cluster["rate"] / total if total else 0.0
        # who answers: what arrives and is not passed on, and what others pass on
        on = sum(peer["rate"] for each in cluster["gateways"] for peer in each["peers"])
        arrives = sum(peer["rate"] for peer in passed if peer["to"] == cluster["name"])
        cluster["answers"] = max(0.0, cluster["rate"] - on) + min(arrives, total)
        cluster["counted"] = [
            tuple(moment and moment + (at - now) for moment in side) for side in cluster["counted"]
        ]
        if not is_heard:  # nothing is known, which is not that nothing is sent
            cluster |= {"rate": None, "share": None, "answers": 0.0}
    return {
        "at": at,
        "rate": total if is_heard else None,
        "edge": [
            {
                "name": proxy.name,
                "state": proxy.state(now),
                "silent": _silence(proxy, now),
                "links": [
                    {
                        "to": name,
                        "rate": rate,
                        "bad": bad,
                        "p99": proxy.latencies.get(name) if rate else None,
                    }
                    for name in due
                    for rate, bad in [_towards(proxy, name, now)]
                ],
            }
            for proxy in edges
        ],
        "clusters": clusters,
    }


def _cluster(
    name: str, edges: Sequence[Proxy], known: Sequence[Proxy], due: float, now: float
) -> dict[str, Any]:
    rates = [_towards(edge, name, now) for edge in edges]
    heard = [edge for edge in edges if edge.state(now) is State.SERVING]
    hosts = [host for edge in heard for host in edge.hosts if host.zone == name]
    flags = {flag for host in hosts for flag in host.flags}
    rate, bad = sum(r for r, _ in rates), sum(b for _, b in rates)
    gateways = [proxy for proxy in known if not proxy.is_edge and proxy.cluster == name]
    state = host_state(flags, rate) if hosts else State.UNKNOWN
    if state is State.DRAINING and all(each.state(now) is State.GONE for each in gateways):
        state = State.UNREACHABLE  # Envoy keeps the mark of a drain until somebody is back
    return {
        "name": name,
        "state": state,
        "due": due,
        "rate": rate,
        "bad": bad,
        "p99": longest(edge.latencies.get(name) for edge in heard) if rate else None,
        "left": longest(edge.left(name, now) for edge in heard),
        "counted": [_counted(name, side, now) for side in (edges, gateways)],
        "gateways": [_gateway(proxy, now) for proxy in gateways],
        "pods": _pods(name, gateways, now),
    }


def _gateway(proxy: Proxy, now: float) -> dict[str, Any]:
    links = [(host, *proxy.rates(host.address, now)) for host in proxy.hosts]
    peers: dict[str, float] = {}
    for host, rate, _ in links:
        if host.zone != proxy.cluster:
            peers[host.zone] = peers.get(host.zone, 0.0) + rate
    return {
        "name": proxy.name,
        "state": proxy.state(now),
        "silent": _silence(proxy, now),
        "links": [
            {"to": host.address, "rate": rate, "bad": bad}
            for host, rate, bad in links
            if host.zone == proxy.cluster
        ],
        "p99": proxy.latencies.get(proxy.cluster) if any(rate for _, rate, _ in links) else None,
        "peers": [{"to": name, "rate": rate} for name, rate in sorted(peers.items())],
    }


def _pods(name: str, gateways: Sequence[Proxy], now: float) -> list[dict[str, Any]]:
    """Return the application's pods of a cluster, as its gateways see them.

    A pod that none of those knows any more that are heard is gone; if none is heard, nobody knows.
    """
    heard = [proxy for proxy in gateways if proxy.state(now) in _HEARD]
    flags: dict[str, set[str]] = {}
    for proxy in heard:
        for host in proxy.hosts:
            if host.zone == name:
                flags.setdefault(host.address, set()).update(host.flags)
    known = {host.address for proxy in gateways for host in proxy.hosts if host.zone == name}
    known |= {
        address for proxy in gateways for address, zone in proxy.former.items() if zone == name
    }

    def state(address: str, rate: float) -> State:
        if not heard:
            return State.UNKNOWN
        return host_state(flags[address], rate) if address in flags else State.GONE

    rates = {address: sum(proxy.rates(address, now)[0] for proxy in gateways) for address in known}
    return [
        {
            "address": address,
            "state": state(address, rates[address]),
            "rate": rates[address],
            "left": longest(proxy.ejections.left(address, now, proxy.rules) for proxy in heard),
        }
        for address in sorted(known)
    ]


def _counted(name: str, proxies: Sequence[Proxy], now: float) -> tuple[float, float]:
    """Return when proxies last counted a request to a cluster, and until when that is known."""
    heard = [proxy.heard_at or 0.0 for proxy in proxies if proxy.state(now) is State.SERVING]
    last = max((proxy.last_counted(name) for proxy in proxies), default=0.0)
    return last, min(heard, default=0.0)


def _towards(proxy: Proxy, zone: str, now: float) -> tuple[float, float]:
    """Return requests and failures a second from an edge pod to a cluster."""
    rates = [proxy.rates(host.address, now) for host in proxy.hosts if host.zone == zone]
    return sum(rate for rate, _ in rates), sum(bad for _, bad in rates)


def _silence(proxy: Proxy, now: float) -> float | None:
    return None if proxy.heard_at is None else max(0.0, now - proxy.heard_at)
