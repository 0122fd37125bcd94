"""What each further application cluster costs: the demo with more of them, less that with two."""

from __future__ import annotations

import time

from tests.benchmark.measure import GIGABYTE, FirstPage, Samples, timed_lines
from tests.support import lab
from tests.support.checkout import Checkout

REGIONS = ("us-east1", "us-west1")


def names(further: int) -> list[tuple[str, str, int]]:
    """The two clusters of the default and so many more, in turn in the same two regions."""
    found = []
    for index in range(2 + further):
        region, number = REGIONS[index % 2], 1 + index // 2
        side = region.removeprefix("us-").rstrip("1")
        found.append((f"{side}{number if number > 1 else ''}-cluster", region, 100))
    return found


def one_round(demo: Checkout, samples: Samples, further: int) -> None:
    """Brings the demo up with `further` clusters more, measures, and takes it down.

    `samples` must have this round's figures of the demo with two.
    """
    demo.demo("pulumi", "stack", "select", "--create", "west")
    demo.set_clusters(names(further))
    begin = time.monotonic()
    with FirstPage(demo) as page:
        timed_lines(demo, "./demo", "up")
    _, pss = lab.memory(demo.lab())
    demo.demo("pulumi", "config", "rm", "clusters")  # while there is a stack to say it of
    demo.demo("destroy")
    add(samples, page.at - begin, pss / GIGABYTE, further)


def add(samples: Samples, seconds: float, gigabytes: float, further: int) -> None:
    """Takes up what one of the further clusters cost in the last round."""
    for name, value, base in (
        ("further cluster", seconds, "up"),
        ("further cluster (PSS)", gigabytes, "memory (PSS)"),
    ):
        samples.add(name, (value - samples.values[base][-1]) / further)
