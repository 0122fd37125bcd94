"""What happened to streams: cuts, lost messages, silence, and the way back. Pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from drills.traffic.model import StreamEntry, StreamStep


@dataclass(frozen=True)
class Streams:
    """The ledger of all streams of one kind. Times are seconds."""

    streams: int = 0
    cut: int = 0
    """How often one ended with an error."""
    ended: int = 0
    """How often the other side ended one in good order."""
    messages: int = 0
    """Messages that came, repeated ones too."""
    lost: int = 0
    """Numbers that never came although a higher one did."""
    repeated: int = 0
    """Messages whose number had come before."""
    disordered: int = 0
    """Messages that came after one of a higher number, for the first time."""
    silence: float = 0.0
    """The longest time in which a stream got no message."""
    back: float = 0.0
    """The longest time from the end of a stream to its next message."""
    away: int = 0
    """Streams that had ended and got no message any more until the run's end."""


@dataclass
class _Stream:
    """One stream so far."""

    highest: int = 0
    missing: set[int] = field(default_factory=set)
    last: float | None = None
    """When the last message came, or the stream was first tried."""
    down: float | None = None
    """Since when it has been ended."""
    figures: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, entry: StreamEntry) -> None:
        if self.last is None:
            self.last = entry.at
        match entry.step:
            case StreamStep.MESSAGE:
                self._message(entry.number or 0, entry.at)
            case StreamStep.CUT | StreamStep.ENDED:
                self.figures[str(entry.step)] += 1
                self._is_down(entry.at)
            case StreamStep.REFUSED:
                self._is_down(entry.at)

    def _is_down(self, at: float) -> None:
        if self.down is None:
            self.down = at

    def _message(self, number: int, at: float) -> None:
        self.figures["messages"] += 1
        if number > self.highest:
            self.missing.update(range(self.highest + 1, number))
            self.highest = number
        elif number in self.missing:
            self.missing.discard(number)
            self.figures["disordered"] += 1
        else:
            self.figures["repeated"] += 1
        self._silent_until(at)
        self.last = at
        if self.down is not None:
            self.figures["back"] = max(self.figures["back"], at - self.down)
            self.down = None

    def _silent_until(self, at: float) -> None:
        assert self.last is not None
        self.figures["silence"] = max(self.figures["silence"], at - self.last)

    def finish(self, at: float) -> dict[str, float]:
        """Return the figures; `at` is the end of the run."""
        self._silent_until(at)
        if self.down is not None:
            self.figures["back"] = max(self.figures["back"], at - self.down)
        return {**self.figures, "lost": len(self.missing), "away": self.down is not None}


def streams(entries: Iterable[StreamEntry], kept_until: float = 0.0) -> Mapping[str, Streams]:
    """Return the ledger of each kind of stream; `entries` are in order of time.

    Streams are kept for as long as requests are sent: where none says anything any more, the run's
    end is `kept_until`.
    """
    found: dict[tuple[str, str], _Stream] = {}
    end = kept_until
    for entry in entries:
        found.setdefault((entry.kind, entry.stream), _Stream()).add(entry)
        end = max(end, entry.at)
    kinds: defaultdict[str, list[dict[str, float]]] = defaultdict(list)
    for (kind, _), stream in found.items():
        kinds[kind].append(stream.finish(end))
    return {kind: _together(figures) for kind, figures in sorted(kinds.items())}


def _together(figures: list[dict[str, float]]) -> Streams:
    def total(name: str) -> int:
        return int(sum(one.get(name, 0) for one in figures))

    def most(name: str) -> float:
        return max(one.get(name, 0.0) for one in figures)

    return Streams(
        streams=len(figures),
        cut=total("cut"),
        ended=total("ended"),
        messages=total("messages"),
        lost=total("lost"),
        repeated=total("repeated"),
        disordered=total("disordered"),
        silence=most("silence"),
        back=most("back"),
        away=total("away"),
    )
