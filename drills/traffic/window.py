"""What the last seconds looked like: the figures that a live view shows. Pure, but for growing."""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from drills.traffic.figures import Gap, Latency
from drills.traffic.model import Event, Sample

_PRECISION = 1.01  # neighbouring buckets of the histogram differ by one in a hundred


class Histogram:
    """Counts of durations in buckets of 1 %: small however many there are."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self._count = 0
        self._max = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self._buckets[math.floor(math.log(max(seconds, 1e-6), _PRECISION))] += 1
        self._count += 1
        self._max = max(self._max, seconds)

    def latency(self) -> Latency:
        """Return the percentiles, within 1 %; the maximum is exact."""
        if not self._count:
            return Latency()
        return Latency(self._rank(0.5), self._rank(0.99), self._rank(0.999), self._max)

    def _rank(self, share: float) -> float:
        left = math.ceil(share * self._count)
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                return min(_PRECISION ** (bucket + 1), self._max)
        return self._max


@dataclass(frozen=True)
class Second:
    """The requests that ended within one second."""

    at: int
    """Seconds since the epoch."""
    sent: int = 0
    lost: int = 0
    clusters: Mapping[str, int] = field(default_factory=dict)
    """Good answers by cluster."""
    failures: Mapping[str, int] = field(default_factory=dict)
    latency: Latency = field(default_factory=Latency)
    lateness: float = 0.0
    """The worst of the generator."""
    beside: Mapping[str, int] = field(default_factory=dict)
    """Requests of lanes that are there only to compare, by lane; no other figure has them."""
    beside_lost: Mapping[str, int] = field(default_factory=dict)
    """Those of them that were lost."""


@dataclass
class Tally:
    """Counts of one lane, or of all that are counted, and the time between its good answers."""

    sent: int = 0
    lost: int = 0
    longest_gap: Gap | None = None
    last_good: float | None = None
    """When the last good answer so far ended."""

    def add(self, ended: float, lost: bool) -> None:
        """Count a request; they come in about the order in which they ended."""
        self.sent += 1
        if lost:
            self.lost += 1
            return
        before = self.last_good
        gap = self.longest_gap.seconds if self.longest_gap else 0.0
        if before is not None and ended - before > gap:
            self.longest_gap = Gap(before, ended)
        self.last_good = max(before or 0.0, ended)

    def silence(self, now: float) -> float:
        """Return the seconds since the last good answer; 0 before the first."""
        return 0.0 if self.last_good is None else max(0.0, now - self.last_good)

    def worst(self, now: float) -> float:
        """Return the seconds of the longest gap, the one that is not over included."""
        return max(self.silence(now), self.longest_gap.seconds if self.longest_gap else 0.0)


TOLD = 0.5
"""Seconds in which what has ended comes here: so much later is a second over."""


@dataclass
class Live:
    """Everything that a live view shows, after `add` of all that came."""

    history: int = 60
    """Seconds that `seconds` goes back."""
    uncounted: Collection[str] = ()
    """Lanes that are there only to compare; they are in `lanes` and nowhere else."""
    total: Tally = field(default_factory=Tally)
    lanes: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    failures: Counter[str] = field(default_factory=Counter)
    clusters: Counter[str] = field(default_factory=Counter)
    """Good answers by cluster, of the whole run."""
    lateness: float = 0.0
    last_end: float = 0.0
    """When the last request ended so far."""
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=50))
    seconds: deque[Second] = field(default_factory=deque)
    """Seconds that are over, the newest last; one without any request is there too."""

    def __post_init__(self) -> None:
        """Begins with nothing."""
        self._histogram = Histogram()
        self._pending: dict[int, list[Sample]] = {}

    @property
    def latency(self) -> Latency:
        """Of all good answers, within 1 %."""
        return self._histogram.latency()

    def add(self, samples: Iterable[Sample]) -> None:
        """Count samples, in about the order in which they ended."""
        for sample in samples:
            failure = sample.failure
            self.last_end = max(self.last_end, sample.ended)
            self.lateness = max(self.lateness, sample.started - sample.due)
            self._pending.setdefault(int(sample.ended), []).append(sample)
            self.lanes[sample.lane].add(sample.ended, failure is not None)
            if sample.lane in self.uncounted:
                continue
            self.total.add(sample.ended, failure is not None)
            if failure is not None:
                self.failures[failure] += 1
                continue
            self.clusters[sample.cluster] += 1
            self._histogram.add(sample.duration)

    def turn(self, now: float) -> list[Second]:
        """Close the seconds that are over at `now`, and return those that this call closed."""
        current = int(now)
        if not self.seconds and not self._pending:
            return []
        begin = self.seconds[-1].at + 1 if self.seconds else min(self._pending)
        closed = [
            _second(at, self._pending.pop(at, []), self.uncounted) for at in range(begin, current)
        ]
        for late in [at for at in self._pending if at < current]:
            del self._pending[late]  # counted in the totals already
        self.seconds.extend(closed)
        while len(self.seconds) > self.history:
            self.seconds.popleft()
        return closed


def _second(at: int, samples: Iterable[Sample], uncounted: Collection[str]) -> Second:
    clusters: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    beside: Counter[str] = Counter()
    beside_lost: Counter[str] = Counter()
    durations = []
    lateness = 0.0
    for sample in samples:
        lateness = max(lateness, sample.started - sample.due)
        if sample.lane in uncounted:
            beside[sample.lane] += 1
            beside_lost[sample.lane] += sample.lost
        elif (failure := sample.failure) is not None:
            failures[failure] += 1
        else:
            clusters[sample.cluster] += 1
            durations.append(sample.duration)
    lost = failures.total()
    latency = Latency.of(durations)
    return Second(
        at,
        lost + len(durations),
        lost,
        dict(clusters),
        dict(failures),
        latency,
        lateness,
        dict(beside),
        dict(beside_lost),
    )
