"""A proxy: what Kubernetes and its own answers say of it, over the last second."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from topology.admin import Host, Rules
from topology.ejection import Ejections

WINDOW = 1.0
"""Seconds over which rates are counted."""

SILENT = 2.0
"""Seconds without a word from a proxy after which it counts as silent."""


def longest(found: Iterable[float | None]) -> float | None:
    """Return the most seconds; None if none are known."""
    return max((seconds for seconds in found if seconds is not None), default=None)


class State(StrEnum):
    """What a part of the path does, in one word."""

    SERVING = "serving"
    STANDBY = "standby"
    IDLE = "idle"
    """Is well, and would get requests if anybody sent one."""
    READY = "ready"
    """Kubernetes calls it ready; nobody says whether requests go there."""
    DEGRADED = "degraded"
    """Has no pods of its own that are well, and passes on to a peer."""
    EJECTED = "ejected"
    """Left out for a while because of its answers."""
    DRAINING = "draining"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    GONE = "gone"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Counts:
    """What one proxy has counted towards one address."""

    total: int
    bad: int


_FORMER = 16
"""So many addresses that a proxy knew once stay in the picture."""


@dataclass
class Proxy:
    """One Envoy pod, and what it said last."""

    name: str
    cluster: str
    is_edge: bool
    ready: bool = False
    leaving: bool = False
    gone_at: float | None = None
    heard_at: float | None = None
    hosts: Sequence[Host] = ()
    history: list[tuple[float, dict[str, Counts]]] = field(default_factory=list)
    """Moments and counts by address, oldest first."""
    former: dict[str, str] = field(default_factory=dict)
    """Clusters of addresses that it knew once and sends to no more, by address."""
    counted: dict[str, float] = field(default_factory=dict)
    """When a request to an address was counted last."""
    latencies: dict[str, float] = field(default_factory=dict)
    """99th percentile in seconds by the cluster that answered."""
    rules: Rules = field(default_factory=Rules)
    ejections: Ejections = field(default_factory=Ejections)

    def hear(self, at: float, hosts: Sequence[Host]) -> None:
        """Take what the proxy says at a moment."""
        self.former |= {host.address: host.zone for host in self.hosts}
        for host in hosts:
            self.former.pop(host.address, None)
        for address in list(self.former)[:-_FORMER]:
            del self.former[address]
        self.heard_at, self.hosts = at, hosts
        counts = {host.address: Counts(host.total, host.bad) for host in hosts}
        before = self.history[-1][1] if self.history else {}
        for address, count in counts.items():
            if address in before and count.total > before[address].total:
                self.counted[address] = at
        self.ejections.hear(at, hosts, self.rules)
        self.history.append((at, counts))
        while len(self.history) > 2 and self.history[1][0] <= at - WINDOW:
            self.history.pop(0)

    def rates(self, address: str, now: float) -> tuple[float, float]:
        """Return requests and failures a second towards an address.

        There are none after a restart, nor of one who is silent: nobody knows them.
        """
        if len(self.history) < 2 or self.state(now) in (State.SILENT, State.GONE):
            return 0.0, 0.0
        (before, old), (after, new) = self.history[0], self.history[-1]
        if address not in old or address not in new or after <= before:
            return 0.0, 0.0
        total = max(0, new[address].total - old[address].total)
        bad = max(0, new[address].bad - old[address].bad)
        return total / (after - before), bad / (after - before)

    def last_counted(self, zone: str) -> float:
        """Return when a request to a cluster was counted last; 0 if never."""
        return max(
            (self.counted.get(h.address, 0.0) for h in self.hosts if h.zone == zone), default=0
        )

    def left(self, zone: str, now: float) -> float | None:
        """Return the seconds until the proxy tries an ejected cluster again; None if none is."""
        return longest(
            self.ejections.left(h.address, now, self.rules) for h in self.hosts if h.zone == zone
        )

    def state(self, now: float) -> State:
        """Return what Kubernetes and its own silence say of it."""
        if self.gone_at is not None:
            return State.GONE
        if self.leaving:
            return State.DRAINING
        if self.heard_at is None:
            return State.UNKNOWN
        if now - self.heard_at > SILENT:
            return State.SILENT
        return State.SERVING if self.ready else State.UNREACHABLE
