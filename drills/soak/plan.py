"""Which fault strikes which cluster, one after the other. Pure functions."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from drills import preconditions
from drills.faults import Fault

Strikes = Sequence[tuple[Fault, str]]
"""Faults and the cluster that each one strikes."""


def possible(faults: Sequence[Fault], clusters: Sequence[str]) -> Strikes:
    """Return what may strike while all clusters are well and nothing is in force."""
    return [
        (fault, cluster)
        for fault in faults
        for cluster in clusters
        if not preconditions.refusal(fault, cluster, clusters, {}, ())
    ]


def sequence(strikes: Strikes, seed: int) -> Iterator[tuple[Fault, str]]:
    """Yield strikes without end; the same strikes and seed give the same sequence.

    Each round has every fault once, in random order, in a random one of its clusters: no fault is
    left out for long, whatever the seed. Without strikes nothing is yielded.
    """
    where: dict[str, list[tuple[Fault, str]]] = {}
    for fault, cluster in strikes:
        where.setdefault(fault.name, []).append((fault, cluster))
    rng = random.Random(seed)  # to be repeated, not to be secret
    while where:
        names = list(where)
        rng.shuffle(names)
        for name in names:
            yield rng.choice(where[name])
