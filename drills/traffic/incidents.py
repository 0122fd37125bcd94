"""Where the seconds went: each fault's moments, as clients saw them. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from drills.traffic.executed import Executed, begun
from drills.traffic.model import Event, EventKind, Sample
from drills.traffic.returning import BACK, Return, returned

EJECTED = ("ejected", "unhealthy")
"""Names of observations that say that the struck side is known to be down."""
QUIET = 0.5
"""Seconds without an answer from the struck side after which it counts as left."""
FIRST_SECONDS = 3.0
"""The part of a fault in which requests are tried again before it is known."""
UNLOGGED = -1.0
"""Stands for the executions for each request where no log has any of those that were answered."""
_EFFECT = 2.0
"""Seconds after the fault that goodput leaves out: a fault may need some to be in force."""


@dataclass(frozen=True)
class Incident:
    """One fault and its fix. Moments are on the samples' clock; None: did not happen."""

    name: str
    cluster: str
    """The struck cluster; empty when the fault strikes none in particular."""
    fault: float
    should_move: bool
    """Whether the struck cluster answered before, and must not any more, as the event said."""
    used: bool = False
    """Whether the struck cluster answered before."""
    first_effect: float | None = None
    """The first failure, slow answer or repeated try that a client could see."""
    ejected: float | None = None
    """When the infrastructure knew, as observed by whoever ran the drill."""
    first_other: float | None = None
    """The first good answer of another cluster after the fault."""
    all_moved: float | None = None
    """When the last request was due that the struck side answered, or that was lost, before the
    fix: from then on every request went elsewhere. Those that may not be sent again (POST without
    a key) are left out: one of them may find a side that is being tried anew."""
    mended: float | None = None
    failed_back: float | None = None
    """The first good answer of the struck side after the fix."""
    settled: float | None = None
    """When the struck side had its former share of the traffic again."""
    goodput: float | None = None
    """Good answers a second while it was in force, its first seconds left out; None: too short."""
    recovered: float | None = None
    """When the last request was due that was lost after the fix; the fix itself if none was."""
    returned: Return | None = None
    """How it got that share."""
    executions: tuple[float | None, float | None] = (None, None)
    """Executions for each request that was due in the first seconds of the fault, and in the rest
    of it; None without requests, and where nobody looked into the logs. Requests that were answered
    and that no log has are left out; UNLOGGED if these are all of them."""

    @property
    def label(self) -> str:
        """Name and cluster, for people."""
        return f"{self.name} ({self.cluster})" if self.cluster else self.name

    def seconds_to(self, moment: float | None) -> float | None:
        """Return the seconds from the fault to the moment."""
        return None if moment is None else max(0.0, moment - self.fault)

    def seconds_after_fix(self, moment: float | None) -> float | None:
        """Return the seconds from the fix to the moment."""
        if moment is None or self.mended is None:
            return None
        return max(0.0, moment - self.mended)


def incidents(
    samples: Sequence[Sample],
    events: Sequence[Event],
    executed: Executed | None = None,
) -> list[Incident]:
    """Return the incidents of a run, in order. `samples` may be in any order.

    `executed` is what pods logged; None if nobody looked.
    """
    events = sorted(events, key=lambda event: event.at)
    faults = [event for event in events if event.kind is EventKind.FAULT]
    if not faults:
        return []
    by_end = sorted(samples, key=lambda s: s.ended)
    over = by_end[-1].ended if by_end else faults[-1].at
    found = []
    begin = float("-inf")
    for number, fault in enumerate(faults):
        end = faults[number + 1].at if number + 1 < len(faults) else over + 1
        found.append(_incident(fault, by_end, events, begin, end, executed))
        last = found[-1]
        begin = last.settled or last.mended or fault.at  # what was usual, and no other fault
    return found


def _incident(
    fault: Event,
    by_end: Sequence[Sample],
    events: Sequence[Event],
    begin: float,
    end: float,
    executed: Executed | None,
) -> Incident:
    fix = next(
        (
            e.at
            for e in events
            if e.kind is EventKind.FIX
            and e.at >= fault.at
            and (e.name, e.cluster) == (fault.name, fault.cluster)
        ),
        None,
    )
    mended = min(end, fix or end)
    struck = fault.cluster
    before = [s for s in by_end if begin <= s.ended < fault.at]
    during = [s for s in by_end if fault.at <= s.ended < mended]
    due = [s for s in by_end if fault.at <= s.due < mended]  # those too that hung until the fix
    after = [s for s in by_end if fix is not None and fix <= s.ended < end]
    served_before = [s for s in before if not s.failure and s.cluster == struck]
    moved = _all_moved(fault.at, due, struck) if struck and served_before else None
    back = None
    if moved is not None:
        back = _first(s.ended for s in after if not s.failure and s.cluster == struck)
    share = len(served_before) / len(before) if before else 0.0
    return Incident(
        name=fault.name,
        cluster=struck,
        fault=fault.at,
        used=bool(served_before),
        should_move=bool(served_before)
        and fault.serving is not None
        and struck not in fault.serving,
        first_effect=_first_effect(before, during),
        ejected=_first(
            e.at
            for e in events
            if e.kind is EventKind.OBSERVED
            and e.name in EJECTED
            and e.cluster == struck
            and fault.at <= e.at < end
        ),
        first_other=_first(
            s.ended for s in during if struck and not s.failure and s.cluster not in ("", struck)
        ),
        all_moved=moved,
        mended=fix,
        failed_back=back,
        settled=None if back is None else _settled(after, struck, back, share),
        goodput=_goodput(during, fault.at + _EFFECT, mended),
        recovered=fix and max([fix, *(s.due for s in after if s.failure)]),
        returned=None if back is None else returned(before, after, struck),
        executions=(
            _executions(by_end, executed, fault.at, min(mended, fault.at + FIRST_SECONDS)),
            _executions(by_end, executed, fault.at + FIRST_SECONDS, mended),
        ),
    )


def _executions(
    samples: Iterable[Sample], executed: Executed | None, begin: float, end: float
) -> float | None:
    """Return the executions for each request that was due from `begin` to `end`."""
    if executed is None:
        return None
    found = [(executed.times(s, begun), s.failure) for s in samples if begin <= s.due < end]
    answered = [times for times, failure in found if not failure]
    if answered and not any(answered):
        return UNLOGGED
    known = [times for times, failure in found if times or failure]
    return sum(known) / len(known) if known else None


def _goodput(during: Sequence[Sample], begin: float, end: float) -> float | None:
    """Return the good answers a second between two moments, None if there is no time between."""
    if end <= begin:
        return None
    return sum(not s.failure and s.ended >= begin for s in during) / (end - begin)


def _first_effect(before: Sequence[Sample], during: Sequence[Sample]) -> float | None:
    """Return when a client first saw something that it had not seen before the fault."""
    usual = max((s.duration for s in before if not s.failure), default=0.0)
    tries = max((s.attempts or 1 for s in before), default=1)
    noticeable = max(2 * usual, usual + 0.02)
    return _first(
        s.ended for s in during if s.failure or s.duration > noticeable or (s.attempts or 1) > tries
    )


def _all_moved(fault: float, during: Sequence[Sample], struck: str) -> float | None:
    """Return when the last request was due for which the struck side still mattered.

    None when it mattered until the end: a side that answers on was not left. None, too, where no
    request tells: none may be sent again.
    """
    telling = [sample for sample in during if sample.repeatable]
    if not telling:
        return None
    last = fault
    for sample in telling:
        if sample.failure or sample.cluster == struck:
            last = max(last, sample.due)
    end = max(sample.due for sample in telling)
    return last if end - last >= QUIET else None


def _settled(
    after: Sequence[Sample], struck: str, back: float, share: float, window: float = 1.0
) -> float | None:
    """Return the end of the first second, after `back`, in which the former share is reached."""
    answers = [s for s in after if s.ended >= back]
    start, of_struck = 0, 0
    for index, sample in enumerate(answers):
        of_struck += sample.cluster == struck and not sample.failure
        while answers[start].ended < sample.ended - window:
            of_struck -= answers[start].cluster == struck and not answers[start].failure
            start += 1
        full = sample.ended - back >= window
        if full and of_struck >= BACK * share * (index - start + 1):
            return sample.ended
    return None


def _first(moments: Iterable[float]) -> float | None:
    return min(moments, default=None)
