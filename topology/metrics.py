"""The picture for those who do not look: metrics in Prometheus' text form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, StateSetMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from topology.proxies import Proxy, State

Read = Callable[[], dict[str, Any]]
Proxies = Callable[[], list[Proxy]]

_STATES = [str(state) for state in State]


def exposition(read: Read, proxies: Proxies) -> Callable[[], bytes]:
    """Return what gives all metrics of this moment as text."""
    registry = CollectorRegistry()
    registry.register(_Picture(read, proxies))
    return lambda: generate_latest(registry)


class _Picture(Collector):
    def __init__(self, read: Read, proxies: Proxies) -> None:
        self._read, self._proxies = read, proxies

    def describe(self) -> Iterable[Metric]:
        return ()  # what is exported follows from the picture

    def collect(self) -> Iterator[Metric]:
        found = self._read()
        yield from _clusters(found["clusters"])
        yield from _proxies(found)
        yield from _links(self._proxies())
        broken = GaugeMetricFamily(
            "topology_fault_in_force",
            "1 for each fault that the demo has made and not mended",
            labels=["fault", "cluster"],
        )
        for each in found["broken"]:
            broken.add_metric([each["fault"], each["cluster"]], 1)
        yield broken


def _clusters(clusters: Iterable[dict[str, Any]]) -> Iterator[Metric]:
    state = StateSetMetricFamily(
        "topology_cluster_state", "State of a cluster as the edge sees it", labels=["cluster"]
    )
    shares = {
        "due": GaugeMetricFamily(
            "topology_cluster_due_share_ratio",
            "Share of the requests that is due while nothing fails",
            labels=["cluster"],
        ),
        "share": GaugeMetricFamily(
            "topology_cluster_share_ratio",
            "Share of the edge's requests, over a second",
            labels=["cluster"],
        ),
        "p99": GaugeMetricFamily(
            "topology_cluster_latency_p99_seconds",
            "99th percentile at the edge, over Envoy's last period",
            labels=["cluster"],
        ),
    }
    for cluster in clusters:
        states = {each: each == cluster["state"] for each in _STATES}
        state.add_metric([cluster["name"]], states)
        for key, metric in shares.items():
            if cluster[key] is not None:
                metric.add_metric([cluster["name"]], cluster[key])
    yield state
    yield from shares.values()


def _proxies(found: dict[str, Any]) -> Iterator[Metric]:
    state = StateSetMetricFamily(
        "topology_proxy_state", "State of a proxy", labels=["cluster", "pod"]
    )
    silent = GaugeMetricFamily(
        "topology_proxy_silence_seconds",
        "Seconds since the last answer of a proxy's admin interface",
        labels=["cluster", "pod"],
    )
    edges = [("edge", pod) for pod in found["edge"]]
    gateways = [(each["name"], pod) for each in found["clusters"] for pod in each["gateways"]]
    for cluster, pod in [*edges, *gateways]:
        where = [cluster, pod["name"]]
        state.add_metric(where, {each: each == pod["state"] for each in _STATES})
        if pod["silent"] is not None and pod["state"] != State.GONE:
            silent.add_metric(where, pod["silent"])
    yield state
    yield silent


def _links(proxies: Iterable[Proxy]) -> Iterator[Metric]:
    labels = ["source", "pod", "destination", "address"]
    requests = CounterMetricFamily(
        "topology_link_requests", "Requests from a proxy to an address", labels=labels
    )
    failures = CounterMetricFamily(
        "topology_link_failures", "Requests of those that failed", labels=labels
    )
    for proxy in proxies:
        for host in () if proxy.gone_at is not None else proxy.hosts:
            where = [proxy.cluster, proxy.name, host.zone, host.address]
            requests.add_metric(where, host.total)
            failures.add_metric(where, host.bad)
    yield requests
    yield failures
